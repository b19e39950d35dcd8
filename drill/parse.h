/* What the files of the parser share. After the first error nothing more is read: every next token is the end of the
 * file, and what was being built is thrown away, so a parse function need not look whether one before it failed. */
#ifndef DRILL_PARSE_H
#define DRILL_PARSE_H

#include "drill/memory.h"
#include "drill/script.h"
#include "drill/token.h"

struct parser {
    struct lexer lexer;
    struct token token;              /* the next one, not taken yet */
    struct script *script;
    struct script_memory *memory;
    struct script_error *error;
    bool has_failed;
    unsigned depth;                  /* of expressions within expressions */
    struct expression spare;         /* stands in where there is no memory */
};

/* Errors: "expected WHAT, found TOKEN", or "expected WHAT, found the number N". The first one stays. */
void parse_expected(struct parser *p, const char *what);
void parse_wrong(struct parser *p, struct script_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Something that weir has not: the script is well-formed, and skipped. The first one stays. */
void parse_unsupported(struct parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

void parse_next(struct parser *p);
bool parse_at(const struct parser *p, const char *word);     /* is this word or sign next? */
bool parse_take(struct parser *p, const char *word);         /* takes it when it is */
void parse_need(struct parser *p, const char *word);
/* A decimal number from low to high; `what` names it in errors. low when there is none. */
int64_t parse_range(struct parser *p, const char *what, int64_t low, int64_t high);
int64_t parse_any_range(struct parser *p, const char *what, int64_t low, int64_t high); /* may be hexadecimal */
char *parse_text(struct parser *p);                          /* the token's text, copied; takes it */
void *parse_alloc(struct parser *p, size_t bytes);           /* NULL, and the parse has failed: no memory */

/* The parts of the language. */
void parse_options(struct parser *p, const struct script_choice *choice);
bool parse_one_option(struct parser *p, struct script_place place, const char *name, const char *value);
void parse_default_settings(struct script_settings *settings, enum ip_version version);
struct script_packet *parse_packet(struct parser *p);        /* from its direction on */
void parse_tcp_options(struct parser *p, struct script_packet *packet);
void parse_mpls_stack(struct parser *p, struct mpls_stack *stack);
void parse_gre_fields(struct parser *p, struct gre_fields *gre);
bool parse_icmp_names(const char *type, const char *code, bool is_v6, uint8_t *type_out, uint8_t *code_out);
struct script_call *parse_call(struct parser *p, bool has_end);
struct expression *parse_expression(struct parser *p);
struct expression *parse_structure(struct parser *p);        /* from '{' on */
struct expression *parse_new(struct parser *p, enum expression_kind kind);
void parse_list(struct parser *p, struct expression_list *list, const char *end); /* up to and with `end` */
int64_t parse_time(struct parser *p);

#endif
