/* acl.h: rights on a mailbox.     RFC 4314
 * Threads: none; values. */
#ifndef LOFT_MAIL_ACL_H
#define LOFT_MAIL_ACL_H

/* RFC 4314, 2.1 */
enum right {
    RIGHT_LOOKUP = 1u << 0,          /* l: it is there: LIST, SUBSCRIBE */
    RIGHT_READ = 1u << 1,            /* r: SELECT, FETCH, SEARCH, COPY from it */
    RIGHT_SEEN = 1u << 2,            /* s: set and clear \Seen */
    RIGHT_WRITE = 1u << 3,           /* w: other flags and keywords */
    RIGHT_INSERT = 1u << 4,          /* i: APPEND, COPY into it */
    RIGHT_POST = 1u << 5,            /* p: send mail to its address */
    RIGHT_CREATE = 1u << 6,          /* k: mailboxes below it */
    RIGHT_DELETE_MAILBOX = 1u << 7,  /* x */
    RIGHT_DELETE_MESSAGES = 1u << 8, /* t: set and clear \Deleted */
    RIGHT_EXPUNGE = 1u << 9,         /* e */
    RIGHT_ADMINISTER = 1u << 10,     /* a: SETACL, DELETEACL, GETACL, LISTRIGHTS */
    RIGHTS_ALL = (1u << 11) - 1,
};

#endif
