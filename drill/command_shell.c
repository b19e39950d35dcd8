/* As much of sh as the scripts of tests use: words and quotes, variables, $(( )) and $( ), pipes, && || ; and
 * redirections. No control structures: a script with these is skipped. Lists are run while they are read. */
#include "drill/command_shell.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MOST = 128, STAGES_MOST = 8, SCRIPT_DEPTH_MOST = 8, NO_FILE_STATUS = 127 };

struct redirection {
    char path[COMMAND_PATH_BYTES]; /* empty: none */
    bool is_append;
};

struct stage {
    int argc;
    char *argv[WORDS_MOST + 1];
    struct redirection in, out, err;
    bool is_err_to_out, is_out_to_err;
};

struct shell {
    struct commands *c;
    const char *at;
    bool is_skipping;               /* after a && or || that decided: words are read, nothing is run */
    struct text_buffer word;
    struct text_buffer *err;
};

static const char *variable(const struct commands *c, const char *name, size_t bytes)
{
    for (unsigned i = 0; i < c->variable_count; i++)
        if (strlen(c->variables[i].name) == bytes && memcmp(c->variables[i].name, name, bytes) == 0)
            return c->variables[i].value;
    return "";
}

static void set_variable(struct commands *c, const char *name, size_t bytes, const char *value)
{
    unsigned i = 0;

    while (i < c->variable_count && (strlen(c->variables[i].name) != bytes ||
                                     memcmp(c->variables[i].name, name, bytes) != 0))
        i++;
    if (i == COMMAND_VARIABLES || bytes >= sizeof c->variables[i].name) {
        unsupported(c, "its commands use more variables, or longer names, than weir drill keeps");
        return;
    }
    if (i == c->variable_count)
        c->variable_count++;
    snprintf(c->variables[i].name, sizeof c->variables[i].name, "%.*s", (int)bytes, name);
    snprintf(c->variables[i].value, sizeof c->variables[i].value, "%s", value);
}

/* Arithmetic: + - * / % and parentheses over numbers and variables. */
struct sum {
    const struct commands *c;
    const char *at, *end;
    bool is_wrong;
};

static long sum_expression(struct sum *s);

static char sum_peek(struct sum *s)
{
    while (s->at < s->end && isspace((unsigned char)*s->at))
        s->at++;
    return s->at < s->end ? *s->at : '\0';
}

static long sum_operand(struct sum *s)
{
    char c = sum_peek(s), *end;
    const char *from;
    long value;

    if (c == '-' || c == '+') {
        s->at++;
        value = sum_operand(s);
        return c == '-' ? -value : value;
    }
    if (c == '(') {
        s->at++;
        value = sum_expression(s);
        s->is_wrong = s->is_wrong || sum_peek(s) != ')';
        s->at++;
        return value;
    }
    if (isdigit((unsigned char)c)) {
        value = strtol(s->at, &end, 0);
        s->at = end;
        return value;
    }
    s->at += c == '$';
    from = s->at;
    while (s->at < s->end && (isalnum((unsigned char)*s->at) || *s->at == '_'))
        s->at++;
    s->is_wrong = s->is_wrong || s->at == from;
    return strtol(variable(s->c, from, (size_t)(s->at - from)), NULL, 0);
}

static long sum_product(struct sum *s)
{
    long value = sum_operand(s), right;
    char c;

    while (!s->is_wrong && ((c = sum_peek(s)) == '*' || c == '/' || c == '%')) {
        s->at++;
        right = sum_operand(s);
        if (c == '*')
            value = (long)((unsigned long)value * (unsigned long)right);
        else if (!right || right == -1)
            s->is_wrong = true;
        else
            value = c == '/' ? value / right : value % right;
    }
    return value;
}

static long sum_expression(struct sum *s)
{
    unsigned long value = (unsigned long)sum_product(s), right;
    char c;

    while (!s->is_wrong && ((c = sum_peek(s)) == '+' || c == '-')) {
        s->at++;
        right = (unsigned long)sum_product(s);
        value = c == '+' ? value + right : value - right;
    }
    return (long)value;
}

/* The end of what a '(' opened: the position of its ')'. NULL: there is none. */
static const char *closing(const char *at)
{
    unsigned depth = 1;

    for (; *at; at++) {
        depth += *at == '(';
        if (*at == ')' && !--depth)
            return at;
    }
    return NULL;
}

static void expand_arithmetic(struct shell *s, const char *end)
{
    struct sum sum = { .c = s->c, .at = s->at + 3, .end = end };
    long value = sum_expression(&sum);

    if (sum.is_wrong || sum_peek(&sum))
        unsupported(s->c, "its commands have arithmetic that weir drill does not know: %.*s", (int)(end + 2 - s->at),
                    s->at);
    buffer_print(&s->word, "%ld", value);
    s->at = end + 2;
}

/* $( ): what a list of commands prints, without the line ends at its end. */
static void expand_command(struct shell *s, const char *end)
{
    char *text = strndup(s->at + 2, (size_t)(end - s->at - 2));
    struct text_buffer out = { 0 };

    if (text && !s->is_skipping)
        shell_run(s->c, text, &out, s->err);
    while (out.bytes && out.data[out.bytes - 1] == '\n')
        out.bytes--;
    buffer_add(&s->word, out.bytes ? out.data : "", out.bytes);
    buffer_free(&out);
    free(text);
    s->at = end + 1;
}

static void expand_name(struct shell *s)
{
    bool has_brace = s->at[1] == '{';
    const char *name = s->at + 1 + has_brace;
    size_t bytes = 0;

    while (isalnum((unsigned char)name[bytes]) || name[bytes] == '_')
        bytes++;
    if (!bytes || (has_brace && name[bytes] != '}')) {
        unsupported(s->c, "its commands have an expansion that weir drill does not know: %.20s", s->at);
        s->at++;
        return;
    }
    if ((bytes == 4 && memcmp(name, "PPID", 4) == 0) || (bytes == 15 && memcmp(name, "PACKETDRILL_PID", 15) == 0))
        buffer_print(&s->word, "%ld", (long)getpid());
    else
        buffer_print(&s->word, "%s", variable(s->c, name, bytes));
    s->at = name + bytes + has_brace;
}

static void expand(struct shell *s)
{
    const char *end;

    if (s->at[1] != '(') {
        expand_name(s);
        return;
    }
    end = closing(s->at + 2);
    if (!end) {
        unsupported(s->c, "its commands have a '$(' without its ')'");
        s->at += strlen(s->at);
    } else if (s->at[2] == '(' && end[-1] == ')') {
        expand_arithmetic(s, end - 1);
    } else {
        expand_command(s, end);
    }
}

static void take_double_quoted(struct shell *s)
{
    for (s->at++; *s->at && *s->at != '"';) {
        if (*s->at == '$') {
            expand(s);
        } else {
            s->at += s->at[0] == '\\' && s->at[1] && strchr("\"\\$`\n", s->at[1]);
            buffer_add(&s->word, s->at++, 1);
        }
    }
    s->at += *s->at == '"';
}

static void take_single_quoted(struct shell *s)
{
    const char *end = strchr(s->at + 1, '\'');

    if (!end)
        end = s->at + strlen(s->at);
    buffer_add(&s->word, s->at + 1, (size_t)(end - s->at - 1));
    s->at = end + (*end != '\0');
}

static void skip_blanks(struct shell *s)
{
    for (;;) {
        if (*s->at == ' ' || *s->at == '\t' || *s->at == '\r')
            s->at++;
        else if (s->at[0] == '\\' && s->at[1] == '\n')
            s->at += 2;
        else if (*s->at == '#')
            s->at += strcspn(s->at, "\n");
        else
            return;
    }
}

/* One word, into s->word. False: an operator or the end is next. */
static bool take_word(struct shell *s)
{
    bool has_any = false;

    s->word.bytes = 0;
    buffer_add(&s->word, "", 0);
    while (*s->at && !strchr(" \t\r\n;&|<>()", *s->at)) {
        has_any = true;
        if (*s->at == '"') {
            take_double_quoted(s);
        } else if (*s->at == '\'') {
            take_single_quoted(s);
        } else if (*s->at == '$') {
            expand(s);
        } else if (s->at[0] == '\\' && s->at[1]) {
            if (s->at[1] != '\n')
                buffer_add(&s->word, s->at + 1, 1);
            s->at += 2;
        } else {
            buffer_add(&s->word, s->at++, 1);
        }
    }
    return has_any;
}

static void add_word(struct shell *s, struct stage *stage)
{
    char *copy = strdup(buffer_text(&s->word));

    if (stage->argc == WORDS_MOST || !copy) {
        unsupported(s->c, "its commands have more words than weir drill takes");
        free(copy);
        return;
    }
    stage->argv[stage->argc++] = copy;
}

/* [n]> file, >> file, < file, &> file, n>&m. False: none is next. */
static bool take_redirection(struct shell *s, struct stage *stage)
{
    const char *at = s->at;
    bool is_both = at[0] == '&' && at[1] == '>', is_err = at[0] == '2' && at[1] == '>';
    struct redirection *to = &stage->out;

    at += is_both || ((*at == '1' || is_err) && at[1] == '>');
    if (*at != '>' && *at != '<')
        return false;
    to = *at == '<' ? &stage->in : is_err ? &stage->err : &stage->out;
    to->is_append = at[0] == '>' && at[1] == '>';
    s->at = at + 1 + to->is_append;
    if (*s->at == '&') {
        stage->is_err_to_out |= is_err && s->at[1] == '1';
        stage->is_out_to_err |= !is_err && s->at[1] == '2';
        s->at += 2;
        return true;
    }
    skip_blanks(s);
    if (!take_word(s) || s->word.bytes >= sizeof to->path)
        unsupported(s->c, "its commands have a redirection that weir drill does not know");
    else
        file_path(s->c, s->word.data, to->path, sizeof to->path);
    stage->is_err_to_out |= is_both;
    return true;
}

static void free_stage(struct stage *stage)
{
    while (stage->argc)
        free(stage->argv[--stage->argc]);
}

static bool parse_stage(struct shell *s, struct stage *stage)
{
    *stage = (struct stage){ 0 };
    for (;;) {
        skip_blanks(s);
        if (take_redirection(s, stage))
            continue;
        if (!take_word(s))
            break;
        add_word(s, stage);
    }
    stage->argv[stage->argc] = NULL;
    return stage->argc > 0;
}

static builtin_function *find_builtin(const char *name)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    size_t directory = slash ? (size_t)(slash - name) : 0;
    bool is_system = !slash || (directory >= 3 && memcmp(slash - 3, "bin", 3) == 0);

    for (const struct builtin_row *row = builtin_rows; row->name; row++)
        if (strcmp(row->name, base) == 0 && (is_system || strcmp(base, "set_sysctls.py") == 0))
            return row->run;
    return strncmp(name, "/tmp/sysctl_restore_", 20) == 0 ? builtin_restore_sysctls : NULL;
}

static bool is_assignment(const char *word)
{
    size_t bytes = 0;

    while (isalnum((unsigned char)word[bytes]) || word[bytes] == '_')
        bytes++;
    return bytes && word[bytes] == '=' && !isdigit((unsigned char)word[0]);
}

static int assign(struct commands *c, char **words, int count)
{
    for (int i = 0; i < count; i++)
        if (is_assignment(words[i]))
            set_variable(c, words[i], strcspn(words[i], "="), strchr(words[i], '=') + 1);
    return 0;
}

static bool is_control(const char *word)
{
    static const char *const words[] = { "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done",
        "case", "esac",
        "function", "{", "}", "!", "[", "[[", "test", "eval", "exec", "source", ".", "trap", "set", "cd", "unset",
            "local", "return" };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

/* A program that is not built in: a script of shell commands, or what we do not know. */
static int run_program(struct invocation *i)
{
    char path[COMMAND_PATH_BYTES];
    const char *name = i->argv[0];
    size_t bytes = strlen(name);

    if (is_control(name))
        return unsupported(i->c, "its commands have '%s', which weir drill's shell does not know", name);
    if (!strchr(name, '/') || bytes < 4 || strcmp(name + bytes - 3, ".sh") != 0)
        return unsupported(i->c, "it runs '%s', which weir drill does not know", name);
    file_path(i->c, name, path, sizeof path);
    return shell_run_file(i->c, path, i->out, i->err);
}

static int run_command(struct invocation *i)
{
    builtin_function *run;
    int skipped = 0;

    while (skipped < i->argc && is_assignment(i->argv[skipped]))
        skipped++;
    if (skipped == i->argc)
        return assign(i->c, i->argv, i->argc);
    i->argv += skipped;
    i->argc -= skipped;
    if (strcmp(i->argv[0], "export") == 0 || strcmp(i->argv[0], "declare") == 0 || strcmp(i->argv[0], "readonly") == 0)
        return assign(i->c, i->argv + 1, i->argc - 1);
    run = find_builtin(i->argv[0]);
    return run ? run(i) : run_program(i);
}

/* Gives what a stage said to where it is to go. */
static int deliver(struct shell *s, const struct redirection *to, struct text_buffer *said, struct text_buffer *else_to)
{
    int error;

    if (!to->path[0]) {
        buffer_add(else_to, buffer_text(said), said->bytes);
        return 0;
    }
    error = file_write(s->c, to->path, buffer_text(said), said->bytes, to->is_append);
    if (error == STATUS_UNSUPPORTED_FILE)
        return unsupported(s->c, "it writes to '%s', which weir drill does not have", to->path);
    if (error)
        buffer_print(s->err, "%s: %s\n", to->path, strerror(-error));
    return error ? 1 : 0;
}

static int run_stage(struct shell *s, struct stage *stage, const char *piped, struct text_buffer *out)
{
    struct text_buffer said = { 0 }, complained = { 0 }, given = { 0 };
    struct invocation i = { .c = s->c, .argc = stage->argc, .argv = stage->argv, .in = piped, .out = &said,
                            .err = stage->is_err_to_out ? &said : &complained };
    int status = 0, delivered;

    if (stage->in.path[0]) {
        status = file_read(s->c, stage->in.path, &given);
        i.in = buffer_text(&given);
    }
    if (stage->is_out_to_err)
        i.out = i.err;
    if (status == STATUS_UNSUPPORTED_FILE)
        status = unsupported(s->c, "it reads '%s', which weir drill does not have", stage->in.path);
    else if (status)
        buffer_print(i.err, "%s: %s\n", stage->in.path, strerror(-status));
    else
        status = run_command(&i);
    delivered = deliver(s, &stage->out, &said, out);
    if (deliver(s, &stage->err, &complained, s->err) || delivered)
        status = status ? status : 1;
    buffer_free(&said);
    buffer_free(&complained);
    buffer_free(&given);
    return status;
}

/* Stages joined by '|'; the last one's status counts. */
static int run_pipeline(struct shell *s, struct text_buffer *out, bool *has_any)
{
    struct text_buffer piped = { 0 }, next = { 0 };
    struct stage stage;
    int status = 0;
    bool has_in = false, is_piping;

    *has_any = false;
    do {
        if (!parse_stage(s, &stage)) {
            free_stage(&stage);
            break;
        }
        *has_any = true;
        is_piping = s->at[0] == '|' && s->at[1] != '|';
        s->at += is_piping;
        if (!s->is_skipping && !s->c->unsupported[0])
            status = run_stage(s, &stage, has_in ? buffer_text(&piped) : NULL, is_piping ? &next : out);
        free_stage(&stage);
        buffer_free(&piped);
        piped = next;
        next = (struct text_buffer){ 0 };
        has_in = true;
    } while (is_piping);
    buffer_free(&piped);
    return status;
}

static int run_list(struct shell *s, struct text_buffer *out)
{
    int status = 0, ran;
    bool has_any, is_skipping = false;

    while (*s->at && !s->c->unsupported[0]) {
        s->is_skipping = is_skipping;
        ran = run_pipeline(s, out, &has_any);
        if (has_any && !is_skipping)
            status = ran;
        if (s->at[0] == '&' && s->at[1] == '&') {
            is_skipping = status != 0;
            s->at += 2;
        } else if (s->at[0] == '|' && s->at[1] == '|') {
            is_skipping = status == 0;
            s->at += 2;
        } else if (*s->at == ';' || *s->at == '\n') {
            is_skipping = false;
            s->at++;
        } else if (*s->at) {
            unsupported(s->c, "its commands have '%c', which weir drill's shell does not know", *s->at);
        }
        while (is_skipping && isspace((unsigned char)*s->at))
            s->at++;
    }
    return status;
}

int shell_run(struct commands *c, const char *text, struct text_buffer *out, struct text_buffer *err)
{
    struct shell s = { .c = c, .at = text, .err = err };
    int status;

    if (++c->depth > SCRIPT_DEPTH_MOST)
        unsupported(c, "its commands run commands more deeply than weir drill follows");
    status = run_list(&s, out);
    c->depth--;
    buffer_free(&s.word);
    return status;
}

int shell_run_file(struct commands *c, const char *path, struct text_buffer *out, struct text_buffer *err)
{
    char resolved[COMMAND_PATH_BYTES], chunk[4096];
    struct text_buffer text = { 0 };
    size_t got;
    FILE *file;
    int status;

    file_path(c, path, resolved, sizeof resolved);
    file = fopen(resolved, "re");
    if (!file) {
        buffer_print(err, "%s: not found\n", path);
        return NO_FILE_STATUS;
    }
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0)
        buffer_add(&text, chunk, got);
    fclose(file);
    status = shell_run(c, buffer_text(&text), out, err);
    buffer_free(&text);
    return status;
}
