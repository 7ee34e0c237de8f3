#include "imap/wire/notify_args.h"

static const struct event_row {
    struct str name;
    enum notify_event event;
} event_rows[] = {
    { STR_INIT("MessageNew"), EVENT_MESSAGE_NEW },
    { STR_INIT("MessageExpunge"), EVENT_MESSAGE_EXPUNGE },
    { STR_INIT("FlagChange"), EVENT_FLAG_CHANGE },
    { STR_INIT("AnnotationChange"), EVENT_ANNOTATION_CHANGE },
    { STR_INIT("MailboxName"), EVENT_MAILBOX_NAME },
    { STR_INIT("SubscriptionChange"), EVENT_SUBSCRIPTION_CHANGE },
    { STR_INIT("MailboxMetadataChange"), EVENT_MAILBOX_METADATA },
    { STR_INIT("ServerMetadataChange"), EVENT_SERVER_METADATA },
};

static const struct filter_row {
    struct str name;
    enum notify_filter filter;
} filter_rows[] = {
    { STR_INIT("SELECTED"), NOTIFY_SELECTED },     { STR_INIT("SELECTED-DELAYED"), NOTIFY_SELECTED_DELAYED },
    { STR_INIT("INBOXES"), NOTIFY_INBOXES },       { STR_INIT("PERSONAL"), NOTIFY_PERSONAL },
    { STR_INIT("SUBSCRIBED"), NOTIFY_SUBSCRIBED }, { STR_INIT("SUBTREE"), NOTIFY_SUBTREE },
    { STR_INIT("MAILBOXES"), NOTIFY_MAILBOXES },   { STR_INIT("SUBTREE-ONE"), NOTIFY_SUBTREE_ONE },
};

/* one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")" */
static bool parse_names(struct parser *p, struct str **names, size_t *count)
{
    size_t cap = 0;
    *names = NULL;
    *count = 0;
    if (parser_peek(p) != '(') {
        *names = arena_new(p->arena, struct str);
        *count = 1;
        return parse_mailbox(p, *names);
    }
    if (!parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++) {
        if (*count == NOTIFY_NAMES_MAX)
            return parser_fail_limit(p, "mailboxes");
        *names = arena_grow(p->arena, *names, *count, &cap, sizeof **names);
        if (!parse_mailbox(p, &(*names)[(*count)++]))
            return false;
    }
    if (*count == 0)
        return parser_fail(p, "a mailbox name");
    return !parser_failed(p);
}

/* filter-mailboxes = "selected" / "selected-delayed" / "inboxes" / "personal" / "subscribed" /
 *                    ( "subtree" SP one-or-more-mailbox ) / ( "mailboxes" SP one-or-more-mailbox ) /
 *                    ( "subtree-one" SP one-or-more-mailbox ) */
bool parse_notify_filter(struct parser *p, bool of_esearch, enum notify_filter *filter_out,
                         struct str **names_out, size_t *name_count_out)
{
    size_t from = p->at;
    struct str name;
    if (!parse_atom(p, &name))
        return false;
    const struct filter_row *row = FIND_ROW(name, filter_rows);
    if (!row || row->filter == (of_esearch ? NOTIFY_SELECTED_DELAYED : NOTIFY_SUBTREE_ONE)) {
        p->at = from;
        return parser_fail(p, "SELECTED, PERSONAL, MAILBOXES or another choice of mailboxes");
    }
    *filter_out = row->filter;
    if (row->filter >= NOTIFY_SUBTREE)
        return parse_sp(p) && parse_names(p, names_out, name_count_out);
    return true;
}

/* event = "MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"] / other names; event-ext = atom */
static bool parse_event(struct parser *p, struct notify_group *group)
{
    struct str name;
    if (!parse_atom(p, &name))
        return false;
    const struct event_row *row = FIND_ROW(name, event_rows);
    group->events |= row ? row->event : EVENT_UNKNOWN;
    bool has_list = str_starts(str_sub(p->in, p->at, 2), STR(" ("));
    if (!row || row->event != EVENT_MESSAGE_NEW || !has_list)
        return true;
    if (group->filter > NOTIFY_SELECTED_DELAYED || group->fetch)
        return parser_fail(p, "FETCH items for the selected mailbox only, and once");
    group->fetch = arena_new(p->arena, struct fetch_args);
    return parse_sp(p) && parse_fetch_att_list(p, group->fetch);
}

/* Behind the last event of a group without parentheses its ")" stands, in a list that is the group's. */
static bool parse_bare_events(struct parser *p, struct notify_group *group)
{
    for (size_t i = 0; i == 0 || parser_peek(p) == ' '; i++)
        if ((i > 0 && !parse_sp(p)) || !parse_event(p, group))
            return false;
    return true;
}

/* events = ( "(" event *(SP event) ")" ) / "NONE" */
static bool parse_events(struct parser *p, struct notify_group *group)
{
    if (parser_peek(p) != '(')
        return try_word(p, STR("NONE")) || parse_bare_events(p, group);
    if (!parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++)
        if (!parse_event(p, group))
            return false;
    if (!group->events)
        return parser_fail(p, "an event");
    return !parser_failed(p);
}

/* RFC 5465, 5 and 6.1 */
static bool check_events(struct parser *p, const struct notify_group *group)
{
    const unsigned both = EVENT_MESSAGE_NEW | EVENT_MESSAGE_EXPUNGE;
    if (group->filter <= NOTIFY_SELECTED_DELAYED &&
        group->events & ~(unsigned)(EVENTS_OF_MESSAGES | EVENT_UNKNOWN))
        return parser_fail(p, "message events for the selected mailbox");
    if (group->events & EVENTS_OF_MESSAGES && (group->events & both) != both)
        return parser_fail(p, "MessageNew and MessageExpunge together, and with FlagChange both");
    return true;
}

/* event-group = "(" filter-mailboxes SP events ")" */
static bool parse_group(struct parser *p, struct notify_args *args, size_t *cap)
{
    struct notify_group group = { 0 };
    size_t from = p->at;
    if (args->group_count == NOTIFY_GROUPS_MAX)
        return parser_fail_limit(p, "event groups");
    if (!parse_list_open(p) ||
        !parse_notify_filter(p, false, &group.filter, &group.names, &group.name_count) || !parse_sp(p) ||
        !parse_events(p, &group) || !parse_list_close(p))
        return false;
    size_t behind = p->at;
    p->at = from; /* what is wrong with the group as a whole is told where it begins */
    if (!check_events(p, &group))
        return false;
    for (size_t i = 0; group.filter <= NOTIFY_SELECTED_DELAYED && i < args->group_count; i++)
        if (args->groups[i].filter <= NOTIFY_SELECTED_DELAYED)
            return parser_fail(p, "one group for the selected mailbox");
    p->at = behind;
    args->groups = arena_grow(p->arena, args->groups, args->group_count, cap, sizeof group);
    args->groups[args->group_count++] = group;
    args->events |= group.events;
    return true;
}

/* notify = "NOTIFY" SP ( "SET" [SP "STATUS"] SP event-group *(SP event-group) / "NONE" ) */
static bool parse_notify(struct parser *p, struct notify_args *args)
{
    size_t cap = 0;
    args->none = try_word(p, STR("NONE"));
    if (args->none)
        return true;
    if (!try_word(p, STR("SET")))
        return parser_fail(p, "SET or NONE");
    if (!parse_sp(p))
        return false;
    args->status = try_word(p, STR("STATUS"));
    if (args->status && !parse_sp(p))
        return false;
    do {
        if (!parse_group(p, args, &cap))
            return false;
    } while (try_char(p, ' '));
    return true;
}

int notify_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct notify_args *args = arena_new(p->arena, struct notify_args);
    if (!parse_sp(p) || !parse_notify(p, args) || !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

struct str notify_event_name(unsigned one_bit)
{
    for (size_t i = 0; i < ARRAY_COUNT(event_rows); i++)
        if (event_rows[i].event == one_bit)
            return event_rows[i].name;
    return STR_NIL;
}

struct notify_args *notify_args_copy(const struct notify_args *args, struct arena *arena)
{
    struct notify_args *copy = arena_new(arena, struct notify_args);
    *copy = *args;
    copy->groups = arena_new_array(arena, struct notify_group, args->group_count);
    for (size_t i = 0; i < args->group_count; i++) {
        struct notify_group *group = &copy->groups[i];
        *group = args->groups[i];
        group->names = arena_new_array(arena, struct str, group->name_count);
        for (size_t k = 0; k < group->name_count; k++)
            group->names[k] = arena_dup(arena, args->groups[i].names[k]);
        if (group->fetch)
            group->fetch = fetch_args_copy_atts(group->fetch, arena);
    }
    return copy;
}
