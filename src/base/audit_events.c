/* audit_events.c: every event that auditors read, with its keys: the table behind audit.h, `loft log` and loft-audit(5). */
#include "base/audit.h"

const struct audit_event_row audit_events[AUDIT_EVENT_COUNT] = {
    [AUDIT_ADMIN] = { "admin",
                      "ok command uid user reason for_s alias target domain group name mailbox who "
                      "capability url "
                      "mode storage messages mailboxes annotations text",
                      "An administrator gave a command that changes something, or that reads the mail of a "
                      "user "
                      "(export). Commands that have an event of their own record that instead." },
    [AUDIT_START] = { "start", "version", "The server has started." },
    [AUDIT_STOP] = { "stop", "version", "The server is stopping." },
    [AUDIT_RELOAD] = { "reload", "ok text", "The configuration and certificates were read again." },
    [AUDIT_SIGN_IN] = { "sign-in",
                        "ok reason user by mechanism provider app_password protocol address tls client "
                        "session text",
                        "Somebody has signed in, or was refused." },
    [AUDIT_SIGN_OUT] = { "sign-out", "user by protocol address session client duration_s commands expunged",
                         "A session that had signed in has ended." },
    [AUDIT_CLIENT] = { "client", "user by protocol address session client",
                       "A client that has signed in says what it is (the ID command)." },
    [AUDIT_NEW_DEVICE] = { "new-device",
                           "user by mechanism app_password protocol address network tls client session "
                           "notified",
                           "A sign-in came from a network and a client that are both new for this account." },
    [AUDIT_LOCK] = { "lock", "ok command uid user address reason failures for_s until_s text",
                     "An account or an address was locked, by itself after failures or by an "
                     "administrator." },
    [AUDIT_UNLOCK] = { "unlock", "ok command uid user who text",
                       "An administrator has ended locks. Those that end by themselves say when as they "
                       "begin." },
    [AUDIT_PASSWORD] = { "password", "ok command uid user text", "A password was changed." },
    [AUDIT_SECOND_FACTOR] = { "second-factor", "ok command uid user by change address text",
                              "A second factor was switched on or off, or a recovery code was used." },
    [AUDIT_APP_PASSWORD] = { "app-password", "ok command uid user name scope networks read_only expires text",
                             "An app password was made, changed or revoked." },
    [AUDIT_ACL] = { "acl", "ok command uid user by owner mailbox who rights change mode session address text",
                    "Rights on a mailbox were changed." },
    [AUDIT_MAILBOX_DELETE] = { "mailbox-delete",
                               "ok command uid user by owner mailbox messages session address text",
                               "A mailbox was deleted." },
    [AUDIT_MAILBOX_RENAME] = { "mailbox-rename",
                               "ok command uid user by owner mailbox to session address text",
                               "A mailbox was renamed." },
    [AUDIT_EXPUNGE] = { "expunge", "user by owner mailbox to messages command session address",
                        "A command removed messages for good, or moved them away. One event a command, "
                        "however many messages." },
    [AUDIT_LOST] = { "lost", "events",
                     "So many events could not be written before this one: the disk was full, say." },
};

const struct audit_key_row audit_keys[] = {
    { "address", "IP address of the client; *unix* for a local socket" },
    { "alias", "another name for a user" },
    { "annotations", "new limit on annotations" },
    { "app_password", "number of the app password that was used" },
    { "by", "who signed in for the user: another one who may do so" },
    { "capability", "capability of IMAP" },
    { "change", "what was done: *set*, *add*, *remove*, *delete*, *enable*, *disable* and the like" },
    { "client", "what the client says it is, by the ID command: it may say anything" },
    { "command", "command of IMAP, or of the administrator" },
    { "commands", "how many commands the session gave" },
    { "domain", "domain" },
    { "duration_s", "how long the session was, in seconds" },
    { "events", "how many events are missing" },
    { "expires", "when the app password ends, in seconds since 1970" },
    { "expunged", "how many messages the session removed for good" },
    { "failures", "failed sign-ins that led to the lock" },
    { "for_s", "how long, in seconds" },
    { "group", "group of users" },
    { "mailbox", "mailbox, by its name in the account of its owner" },
    { "mailboxes", "new limit on mailboxes" },
    { "mechanism", "how the credential came: LOGIN, or the name of a SASL mechanism" },
    { "messages", "how many messages; of a quota, the new limit" },
    { "mode", "*private* or *shared*" },
    { "name", "name of what was changed: an app password, an annotation" },
    { "network", "network of the address: its /24, or /48 with IPv6" },
    { "networks", "where an app password may be used" },
    { "notified", "whether the user got a message about it" },
    { "ok", "*true*: it was done; *false*: it was refused or failed" },
    { "owner", "whose mailbox it is, when not the user's" },
    { "protocol", "*imap* ..." },
    { "provider", "which back end knew the user: *own*, *ldap* ..." },
    { "read_only", "an app password that changes nothing" },
    { "reason", "why: of a refusal a short word, such as *wrong* or *locked*" },
    { "rights", "letters of RFC 4314" },
    { "scope", "what an app password opens" },
    { "session", "number of the session, as in *loft who* and the log" },
    { "storage", "new limit on bytes" },
    { "target", "where an alias or a domain leads" },
    { "text", "what went wrong, for people" },
    { "tls", "version of TLS; none without TLS" },
    { "to", "new name; of a move, the mailbox in which the messages are now" },
    { "uid", "number of the system's user who ran the command" },
    { "until_s", "when the lock ends, in seconds since 1970" },
    { "url", "where the user's mail is" },
    { "user", "whose account; of a failed sign-in, the name that was tried" },
    { "version", "version of Loft" },
    { "who", "who is granted rights, or loses them; whose lock or session was ended" },
};
const size_t audit_key_count = ARRAY_COUNT(audit_keys);

bool audit_event_has_key(enum audit_event event, struct str key)
{
    struct str rest = str_c(audit_events[event].keys), word;
    while (!str_is_nil(word = str_next_word(&rest)))
        if (str_eq(word, key))
            return true;
    return false;
}
