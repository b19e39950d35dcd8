#include "runner/tap_options.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 96 };

/* Copies the text up to the next comma into word and moves on. False at the end, or when the word is too long. */
static bool next_word(const char **text, char *word)
{
    size_t length = strcspn(*text, ",");

    if (**text == '\0' || length >= WORD_MAX)
        return false;
    memcpy(word, *text, length);
    word[length] = '\0';
    *text += length;
    if (**text == ',')
        (*text)++;
    return true;
}

static bool parse_address(const char *text, struct address_option *address)
{
    if (inet_pton(AF_INET, text, address->bytes) == 1)
        address->family = AF_INET;
    else if (inet_pton(AF_INET6, text, address->bytes) == 1)
        address->family = AF_INET6;
    else
        return false;
    return true;
}

static const char *parse_prefixed(char *word, struct address_option *address)
{
    char *slash = strchr(word, '/');
    char *end;
    unsigned long prefix;

    if (!slash)
        return "--tap: an address needs a prefix length, as in 192.0.2.2/24";
    *slash = '\0';
    if (!parse_address(word, address))
        return "--tap: not an IPv4 or IPv6 address";
    prefix = strtoul(slash + 1, &end, 10);
    if (!isdigit((unsigned char)slash[1]) || *end || prefix > (address->family == AF_INET ? 32U : 128U))
        return "--tap: the prefix length is out of range";
    address->prefix_bits = (unsigned)prefix;
    return NULL;
}

static const char *parse_gateway(const char *word, struct tap_options *tap)
{
    struct address_option gateway = { 0 };

    if (!parse_address(word, &gateway))
        return "--tap: gw= needs an IPv4 or IPv6 address";
    *(gateway.family == AF_INET ? &tap->gateway4 : &tap->gateway6) = gateway;
    return NULL;
}

static const char *parse_mac(const char *word, struct tap_options *tap)
{
    char rest;

    if (sscanf(word, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &tap->mac[0], &tap->mac[1], &tap->mac[2], &tap->mac[3],
               &tap->mac[4], &tap->mac[5], &rest) != 6)
        return "--tap: mac= needs six hexadecimal bytes, as in 02:00:00:00:00:01";
    if (tap->mac[0] & 1)
        return "--tap: mac= is a group address";
    tap->has_mac = true;
    return NULL;
}

static const char *parse_tap_word(char *word, struct tap_options *tap)
{
    if (strncmp(word, "gw=", 3) == 0)
        return parse_gateway(word + 3, tap);
    if (strncmp(word, "mac=", 4) == 0)
        return parse_mac(word + 4, tap);
    if (strncmp(word, "offload=", 8) == 0) {
        tap->no_offload = strcmp(word + 8, "off") == 0;
        return tap->no_offload || strcmp(word + 8, "on") == 0 ? NULL : "--tap: offload= is on or off";
    }
    if (tap->address_count == TAP_ADDRESSES_MAX)
        return "--tap: too many addresses";
    return parse_prefixed(word, &tap->addresses[tap->address_count++]);
}

const char *tap_options_parse(const char *text, struct tap_options *tap)
{
    char word[WORD_MAX];
    const char *wrong;

    *tap = (struct tap_options){ 0 };
    if (!next_word(&text, word) || !word[0] || strlen(word) >= sizeof(tap->name))
        return "--tap: an interface name of 1 to 15 letters comes first";
    memcpy(tap->name, word, strlen(word) + 1);
    while (*text) {
        if (!next_word(&text, word))
            return "--tap: not understood";
        wrong = parse_tap_word(word, tap);
        if (wrong)
            return wrong;
    }
    return NULL;
}
