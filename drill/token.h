/* The words, numbers and signs of a script, one after the other. */
#ifndef DRILL_TOKEN_H
#define DRILL_TOKEN_H

#include "drill/script.h"

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,     /* [a-zA-Z0-9_]+ that is no number; also "sequence#" */
    TOKEN_NUMBER,   /* decimal, may have a sign: number */
    TOKEN_HEX,      /* 0x...: number */
    TOKEN_FRACTION, /* digits, a point, digits: its text only; ".5" as well */
    TOKEN_STRING,   /* text: what stands between the quotes, as it stands there */
    TOKEN_BACKTICK, /* text: what stands between the backticks */
    TOKEN_CODE,     /* text: what stands between %{ and }%, blanks at both ends left out */
    TOKEN_OPTION,   /* --name; text: the name */
    TOKEN_ELLIPSIS, /* ... */
    TOKEN_IPV4, TOKEN_IPV6,
    TOKEN_SIGN,     /* any other character: text has it */
    TOKEN_BROKEN,   /* text: what is expected instead of what stands here */
};

struct token {
    enum token_kind kind;
    struct script_place place;
    const char *text;  /* not NUL-terminated */
    size_t bytes;
    int64_t number;    /* saturated: what is past 64 bits is past every range there is */
    bool is_defined;   /* stands for what a definition says: `raw` is its name */
    const char *raw;   /* what stands in the script, for messages */
    size_t raw_bytes;
};

struct lexer {
    const char *at, *end;
    struct script_place place;
    const struct definition *definitions;
    unsigned definition_count;
};

void lexer_init(struct lexer *l, const char *text, size_t bytes);
struct token lexer_next(struct lexer *l);

bool token_is(const struct token *t, const char *word);      /* a word, or a sign of one character, that is just this */
void token_describe(const struct token *t, char *out, size_t bytes); /* "'win'", "the end of the file" */

#endif
