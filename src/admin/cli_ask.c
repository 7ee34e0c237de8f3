/* What is asked of the person at the terminal. */
#include "admin/cli_private.h"

#include "auth/directory/users.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

/* One line of `fd`, without its end, byte by byte: what follows belongs to others. */
static int read_line(int fd, size_t bytes_max, struct buf *out, struct err *err)
{
    for (;;) {
        char c;
        ssize_t n = read(fd, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set_errno(err, errno, "read");
        if (n == 0 && out->n == 0)
            return err_set(err, ERR_CLOSED, "nothing was entered");
        if (n == 0 || c == '\n')
            break;
        if (out->n == bytes_max)
            return err_set(err, ERR_LIMIT, "more than %zu bytes", bytes_max);
        buf_add_char(out, c);
    }
    if (out->n && out->p[out->n - 1] == '\r')
        out->n--;
    return 0;
}

static int ask_hidden(int tty, const char *prompt, struct buf *out, struct err *err)
{
    struct termios before, silent;
    if (tcgetattr(tty, &before) < 0)
        return err_set_errno(err, errno, "terminal");
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(tty, TCSAFLUSH, &silent); /* before the prompt: whoever answers at once is not cut off */
    dprintf(tty, "%s", prompt);
    int r = read_line(tty, USER_PASSWORD_BYTES_MAX, out, err);
    tcsetattr(tty, TCSAFLUSH, &before);
    dprintf(tty, "\n");
    return r;
}

static int ask_twice(struct buf *password, struct err *err)
{
    struct buf again = BUF_INIT;
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0)
        return err_set(err, ERR_INVALID,
                       "there is no terminal to ask for the password; use --password-stdin");
    int r = ask_hidden(tty, "Password: ", password, err);
    if (r == 0)
        r = ask_hidden(tty, "Once more: ", &again, err);
    if (r == 0 && !str_eq(buf_str(password), buf_str(&again)))
        r = err_set(err, ERR_INVALID, "the two are not the same");
    if (again.p)
        explicit_bzero(again.p, again.cap);
    buf_deinit(&again);
    close(tty);
    return r;
}

int cli_read_password(struct cli *cli, struct str *password_out, struct err *err)
{
    struct buf password = BUF_INIT;
    int r = cli_line_value(&cli->line, "password-stdin")
                ? read_line(STDIN_FILENO, USER_PASSWORD_BYTES_MAX, &password, err)
                : ask_twice(&password, err);
    if (r == 0 && password.n == 0)
        r = err_set(err, ERR_INVALID, "the password is empty");
    if (r == 0)
        *password_out = arena_dup(&cli->arena, buf_str(&password));
    else
        err_context(err, "password");
    if (password.p)
        explicit_bzero(password.p, password.cap);
    buf_deinit(&password);
    return r;
}

int cli_read_text(struct cli *cli, const char *prompt, size_t bytes_max, struct str *text_out,
                  struct err *err)
{
    struct buf text = BUF_INIT;
    if (isatty(STDIN_FILENO))
        fputs(prompt, stderr);
    int r = read_line(STDIN_FILENO, bytes_max, &text, err);
    if (r == 0)
        *text_out = arena_dup(&cli->arena, str_trim(buf_str(&text)));
    buf_deinit(&text);
    return r;
}

int cli_confirm(struct cli *cli, const char *question, struct err *err)
{
    if (cli_line_value(&cli->line, "yes"))
        return 0;
    if (!isatty(STDIN_FILENO))
        return err_set(err, ERR_DENIED, "%s Say --yes to do it", question);
    struct buf answer = BUF_INIT;
    fprintf(stderr, "%s [y/N] ", question);
    int r = read_line(STDIN_FILENO, 16, &answer, err);
    if (r == 0 && !str_eq_nocase(buf_str(&answer), STR("y")) && !str_eq_nocase(buf_str(&answer), STR("yes")))
        r = err_set(err, ERR_DENIED, "nothing was done");
    buf_deinit(&answer);
    return r;
}
