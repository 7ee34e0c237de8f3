/* Accounts that an administrator has disabled or locked. */
#include "auth/directory/users_private.h"

#include "base/utf8.h"

struct holding {
    enum user_hold hold;
    const struct user_hold_note *note; /* NULL: take it off */
    bool refuse_mail;
    int64_t now_ms;
};

static int edit_hold(struct users *users, struct user *user, const void *args, struct err *err)
{
    const struct holding *holding = args;
    bool *on = holding->hold == USER_DISABLED ? &user->disabled : &user->locked;
    struct user_hold_note *note = holding->hold == USER_DISABLED ? &user->disabled_note : &user->locked_note;
    (void)users, (void)err;
    *on = holding->note != NULL;
    *note = holding->note ? *holding->note : (struct user_hold_note){ .since_ms = 0 };
    if (holding->note)
        note->since_ms = holding->now_ms;
    if (holding->hold == USER_DISABLED)
        user->refuses_mail = holding->note && holding->refuse_mail;
    return 0;
}

/* It is shown on terminals. */
static int check_note(const struct user_hold_note *note, int64_t now_ms, struct err *err)
{
    struct str reason = str_c(note->reason);
    bool bad = !utf8_is_valid(reason);
    for (size_t i = 0; i < reason.n; i++)
        bad = bad || (unsigned char)reason.p[i] < ' ' || reason.p[i] == 0x7f;
    if (bad)
        return err_set(err, ERR_INVALID, "the reason is no line of text");
    if (note->until_ms && note->until_ms <= now_ms)
        return err_set(err, ERR_INVALID, "the end has passed already");
    return 0;
}

int users_set_hold(struct users *users, struct str name, enum user_hold hold,
                   const struct user_hold_note *note, bool refuse_mail, struct err *err)
{
    const struct holding holding = { hold, note, refuse_mail, clock_wall_ms(users->params.clock) };
    int r = note ? check_note(note, holding.now_ms, err) : 0;
    return r < 0 ? r : users_edit(users, name, edit_hold, &holding, err);
}

int users_set_disabled(struct users *users, struct str name, bool disabled, struct err *err)
{
    const struct user_hold_note plain = { .reason = "" };
    return users_set_hold(users, name, USER_DISABLED, disabled ? &plain : NULL, false, err);
}

static bool end_one(bool *on, struct user_hold_note *note, int64_t wall_ms)
{
    bool ended = *on && note->until_ms && note->until_ms <= wall_ms;
    if (ended) {
        *on = false;
        *note = (struct user_hold_note){ .since_ms = 0 };
    }
    return ended;
}

void users_end_holds(struct user *user, int64_t wall_ms)
{
    if (end_one(&user->disabled, &user->disabled_note, wall_ms))
        user->refuses_mail = false;
    end_one(&user->locked, &user->locked_note, wall_ms);
}
