#include "lmtp/testing_lmtp.h"

#include <time.h>

#define ANNA  "anna@example.org"
#define BOB   "bob@example.org"
#define TO(a) "RCPT TO:<" a ">\r\n"
#define FROM  "MAIL FROM:<s@example.com>\r\n"
#define ID    "18bcfe56800.1."

static const char lhlo_reply[] =
    "220 loft.example.org LMTP Loft ready\r\n"
    "250-loft.example.org\r\n250-PIPELINING\r\n250-SIZE 10000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
    "250-CHUNKING\r\n250 ENHANCEDSTATUSCODES\r\n";

/* What a client says behind LHLO, and what it is told: the same in whatever pieces it comes. */
static const struct dialogue {
    const char *what;
    struct str in;
    const char *out;
    unsigned in_anna, in_bob; /* messages in INBOX afterwards */
} dialogues[] = {
    { "one recipient", STR_INIT(FROM TO(ANNA) "DATA\r\nSubject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n"),
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n354 End with a line that is a dot\r\n"
      "250 2.0.0 <" ANNA "> Delivered, " ID "1\r\n221 2.0.0 Bye\r\n",
      1, 0 },
    { "a reply for each recipient, in order",
      STR_INIT(FROM TO(BOB) TO("nobody@example.org") TO(ANNA) TO(BOB) "DATA\r\nx\r\n.\r\n"),
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n550 5.1.1 No such user here\r\n250 2.1.5 Recipient "
      "ok\r\n"
      "250 2.1.5 Recipient ok\r\n354 End with a line that is a dot\r\n250 2.0.0 <" BOB "> Delivered, " ID
      "1\r\n"
      "250 2.0.0 <" ANNA "> Delivered, " ID "1\r\n250 2.0.0 <" BOB "> Delivered, " ID "1\r\n",
      1, 1 },
    { "two messages, pipelined",
      STR_INIT(FROM TO(ANNA) "DATA\r\nx\r\n.\r\n" FROM TO(ANNA) "BDAT 3 LAST\r\ny\r\nNOOP\r\n"),
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n354 End with a line that is a dot\r\n250 2.0.0 <" ANNA
      "> Delivered, " ID "1\r\n"
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n250 2.0.0 <" ANNA "> Delivered, " ID
      "2\r\n250 2.0.0 Ok\r\n",
      2, 0 },
    { "commands in any case", STR_INIT("mail from:<>\r\nrCPT tO:<" ANNA ">\r\ndata\r\n.\r\nquit\r\n"),
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n354 End with a line that is a dot\r\n250 2.0.0 <" ANNA
      "> Delivered, " ID "1\r\n"
      "221 2.0.0 Bye\r\n",
      1, 0 },
    { "disabled users get mail", STR_INIT(FROM TO("dora@example.org")),
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n", 0, 0 },
    { "a name with the delimiter in it", STR_INIT(FROM TO("carla+work@example.org") TO("carla@example.org")),
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n550 5.1.1 No such user here\r\n", 0, 0 },

    /* the end of a message, and what only looks like it */
    { "bare LF ends nothing",
      STR_INIT(
          FROM TO(ANNA) "DATA\r\nx\n.\nMAIL FROM:<evil@example.com>\n.\r\n\r.\rx\r\n.\n.\r\n.\r\nNOOP\r\n"),
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n354 End with a line that is a dot\r\n250 2.0.0 <" ANNA
      "> Delivered, " ID "1\r\n"
      "250 2.0.0 Ok\r\n",
      1, 0 },
    { "a line that begins with dots", STR_INIT(FROM TO(ANNA) "DATA\r\n..\r\n...\r\n..x\r\n.x\r\n.\r\n"),
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n354 End with a line that is a dot\r\n250 2.0.0 <" ANNA
      "> Delivered, " ID "1\r\n",
      1, 0 },

    /* BDAT */
    { "chunks",
      STR_INIT(FROM TO(ANNA) TO(BOB) "BDAT 5\r\n.\r\n.\rBDAT 0\r\nBDAT 4\r\n\nabcBDAT 0 LAST\r\nNOOP\r\n"),
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n250 2.1.5 Recipient ok\r\n250 2.0.0 Chunk "
      "received\r\n250 2.0.0 Chunk received\r\n"
      "250 2.0.0 Chunk received\r\n250 2.0.0 <" ANNA "> Delivered, " ID "1\r\n250 2.0.0 <" BOB
      "> Delivered, " ID "1\r\n250 2.0.0 Ok\r\n",
      1, 1 },
    { "BDAT LAST without recipients: no reply",
      STR_INIT(FROM TO("nobody@example.org") "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n" FROM),
      "250 2.1.0 Sender ok\r\n550 5.1.1 No such user here\r\n250 2.0.0 Ok\r\n250 2.1.0 Sender ok\r\n", 0, 0 },
    { "BDAT without recipients", STR_INIT(FROM "BDAT 6\r\nQUIT\r\nBDAT 0\r\nRSET\r\n"),
      "250 2.1.0 Sender ok\r\n503 5.5.1 No valid recipients\r\n503 5.5.1 No valid recipients\r\n250 2.0.0 "
      "Ok\r\n",
      0, 0 },
    { "BDAT after the last", STR_INIT(FROM TO(ANNA) "BDAT 1 LAST\r\nxBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"),
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n250 2.0.0 <" ANNA "> Delivered, " ID
      "1\r\n503 5.5.1 MAIL first\r\n250 2.0.0 Ok\r\n",
      1, 0 },
    { "RSET between chunks",
      STR_INIT(
          FROM TO(ANNA) "BDAT 3\r\nabcRSET\r\nBDAT 6 LAST\r\nQUIT\r\n" FROM TO(ANNA) "BDAT 3 LAST\r\nxyz"),
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n250 2.0.0 Chunk received\r\n250 2.0.0 Ok\r\n503 "
      "5.5.1 MAIL first\r\n"
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n250 2.0.0 <" ANNA "> Delivered, " ID "1\r\n",
      1, 0 },
    { "DATA after BDAT", STR_INIT(FROM TO(ANNA) "BDAT 3\r\nabcDATA\r\n"),
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n250 2.0.0 Chunk received\r\n503 5.5.1 BDAT was used "
      "already\r\n",
      0, 0 },
    { "RCPT and MAIL after BDAT", STR_INIT(FROM TO(ANNA) "BDAT 3\r\nabc" TO(BOB) FROM "BDAT 0 LAST\r\n"),
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n250 2.0.0 Chunk received\r\n503 5.5.1 The message "
      "has begun\r\n"
      "503 5.5.1 MAIL was given already\r\n250 2.0.0 <" ANNA "> Delivered, " ID "1\r\n",
      1, 0 },
    { "a size that is none ends it", STR_INIT(FROM TO(ANNA) "BDAT x LAST\r\nNOOP\r\n"),
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n501 5.5.4 Expected BDAT size [LAST]\r\n", 0, 0 },
    { "a word that is not LAST ends it", STR_INIT(FROM TO(ANNA) "BDAT 1 LASTX\r\nNOOP\r\n"),
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n501 5.5.4 Expected BDAT size [LAST]\r\n", 0, 0 },

    /* wrong order */
    { "RCPT first", STR_INIT(TO(ANNA)), "503 5.5.1 MAIL first\r\n", 0, 0 },
    { "DATA first", STR_INIT("DATA\r\n"), "503 5.5.1 No valid recipients\r\n", 0, 0 },
    { "MAIL twice", STR_INIT(FROM FROM), "250 2.1.0 Sender ok\r\n503 5.5.1 MAIL was given already\r\n", 0,
      0 },
    { "DATA without a recipient that was taken", STR_INIT(FROM TO("x@y") "DATA\r\n"),
      "250 2.1.0 Sender ok\r\n550 5.1.1 No such user here\r\n503 5.5.1 No valid recipients\r\n", 0, 0 },
    { "LHLO and RSET forget", STR_INIT(FROM "LHLO\r\n" TO(ANNA) "RSET\r\n" TO(ANNA)),
      "250 2.1.0 Sender ok\r\n501 5.5.4 LHLO needs a name\r\n250 2.1.5 Recipient ok\r\n250 2.0.0 Ok\r\n503 "
      "5.5.1 MAIL first\r\n",
      0, 0 },

    /* wrong words */
    { "strange commands", STR_INIT("HELO x\r\nEHLO x\r\nVRFY anna\r\nEXPN x\r\nHELP\r\nAUTH PLAIN\r\n\r\n"),
      "500 5.5.1 This is LMTP: say LHLO\r\n500 5.5.1 This is LMTP: say LHLO\r\n252 2.5.2 Try to "
      "deliver\r\n502 5.5.1 Not implemented\r\n"
      "502 5.5.1 Not implemented\r\n500 5.5.2 Unknown command\r\n500 5.5.2 Unknown command\r\n",
      0, 0 },
    { "arguments where there are none", STR_INIT("RSET x\r\nQUIT x\r\nDATA x\r\nNOOP x\r\nRSET \r\n"),
      "501 5.5.4 RSET has no arguments\r\n501 5.5.4 QUIT has no arguments\r\n501 5.5.4 DATA has no "
      "arguments\r\n250 2.0.0 Ok\r\n"
      "250 2.0.0 Ok\r\n",
      0, 0 },
    { "NUL and CR in a command", STR_INIT("NO\0OP\r\nMAIL FROM:<a\rb>\r\n"),
      "500 5.5.2 Control byte in a command\r\n500 5.5.2 Control byte in a command\r\n", 0, 0 },
    { "bare LF ends the connection", STR_INIT("NOOP\nNOOP\r\n"), "500 5.5.2 Lines end in CRLF\r\n", 0, 0 },
    { "a browser", STR_INIT("GET / HTTP/1.1\r\n1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n" FROM),
      "500 5.5.2 Unknown command\r\n500 5.5.2 Unknown command\r\n500 5.5.2 Unknown command\r\n500 5.5.2 "
      "Unknown command\r\n"
      "500 5.5.2 Unknown command\r\n500 5.5.2 Unknown command\r\n500 5.5.2 Unknown command\r\n500 5.5.2 "
      "Unknown command\r\n"
      "500 5.5.2 Unknown command\r\n421 4.7.0 Unknown command; that is enough\r\n",
      0, 0 },

    /* parameters and addresses */
    { "SIZE",
      STR_INIT(
          "MAIL FROM:<> SIZE=9999\r\nRSET\r\nMAIL FROM:<> SIZE=10000\r\nRSET\r\nMAIL FROM:<> SIZE=10001\r\n"
          "MAIL FROM:<> SIZE=99999999999999999999\r\nMAIL FROM:<> SIZE=999999999999999999999\r\nMAIL FROM:<> "
          "SIZE=\r\n"
          "MAIL FROM:<> SIZE=-1\r\n" TO(ANNA)),
      "250 2.1.0 Sender ok\r\n250 2.0.0 Ok\r\n250 2.1.0 Sender ok\r\n250 2.0.0 Ok\r\n552 5.3.4 Message "
      "larger than 10000 bytes\r\n"
      "552 5.3.4 Message larger than 10000 bytes\r\n501 5.5.4 SIZE is no number\r\n501 5.5.4 SIZE is no "
      "number\r\n"
      "501 5.5.4 SIZE is no number\r\n503 5.5.1 MAIL first\r\n",
      0, 0 },
    { "BODY and others",
      STR_INIT("MAIL FROM:<> BODY=8bitmime SMTPUTF8\r\nRSET\r\nMAIL FROM:<> BODY=7BIT\r\nRSET\r\nMAIL "
               "FROM:<> BODY=BINARYMIME\r\n"
               "MAIL FROM:<> AUTH=<>\r\nMAIL FROM:<> SMTPUTF8=x\r\nMAIL FROM:<> BODY\r\n" FROM
               "RCPT TO:<" ANNA "> NOTIFY=NEVER\r\n"),
      "250 2.1.0 Sender ok\r\n250 2.0.0 Ok\r\n250 2.1.0 Sender ok\r\n250 2.0.0 Ok\r\n555 5.5.4 Parameter not "
      "supported\r\n"
      "555 5.5.4 Parameter not supported\r\n555 5.5.4 Parameter not supported\r\n555 5.5.4 Parameter not "
      "supported\r\n"
      "250 2.1.0 Sender ok\r\n555 5.5.4 Parameter not supported\r\n",
      0, 0 },
    { "addresses",
      STR_INIT("MAIL FROM:anna\r\nMAIL TO:<a>\r\nMAIL FROM:<\"\"@x>\r\n" FROM
               "RCPT TO:<>\r\nRCPT TO:<\"\"@example.org>\r\nRCPT FOR:<x>\r\n" TO("\"anna\"@example.org")
                   TO("@relay.example:" ANNA)),
      "501 5.1.7 Bad address: expected \"<\"\r\n501 5.5.4 Expected FROM:<address>\r\n501 5.1.7 Bad address: "
      "empty local part\r\n"
      "250 2.1.0 Sender ok\r\n501 5.1.3 Empty recipient\r\n501 5.1.3 Bad address: empty local part\r\n501 "
      "5.5.4 Expected TO:<address>\r\n"
      "250 2.1.5 Recipient ok\r\n250 2.1.5 Recipient ok\r\n",
      0, 0 },
    { "addresses beyond ASCII",
      STR_INIT("MAIL FROM:<\303\244@example.com>\r\nMAIL FROM:<\303\244@example.com> SMTPUTF8\r\n" TO(
          "\303\244@example.org") "RSET\r\n" FROM TO("\303\244@example.org")),
      "553 5.6.7 Non-ASCII address without SMTPUTF8\r\n250 2.1.0 Sender ok\r\n550 5.1.1 No such user "
      "here\r\n250 2.0.0 Ok\r\n"
      "250 2.1.0 Sender ok\r\n553 5.6.7 Non-ASCII address without SMTPUTF8\r\n",
      0, 0 },
    { "one recipient too many", STR_INIT(FROM TO(ANNA) TO(ANNA) TO(ANNA) TO(ANNA) TO(ANNA) TO(ANNA)),
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n250 2.1.5 Recipient ok\r\n250 2.1.5 Recipient "
      "ok\r\n250 2.1.5 Recipient ok\r\n"
      "250 2.1.5 Recipient ok\r\n452 4.5.3 Too many recipients (limit 5)\r\n",
      0, 0 },
};

/* Say it in pieces that end at `cut`, and from there on in pieces of `piece`. */
static void talk(struct rig *rig, struct str in, size_t cut, size_t piece)
{
    rig_connect(rig);
    bool open = rig_send(rig, STR("LHLO mx.example.com\r\n"), CONN_INPUT);
    open = open && rig_send(rig, str_sub(in, 0, cut), CONN_INPUT);
    for (size_t at = cut; open && at < in.n; at += piece)
        open = rig_send(rig, str_sub(in, at, piece), CONN_INPUT);
}

static void check_dialogue(size_t i, size_t cut, size_t piece)
{
    const struct dialogue *d = &dialogues[i];
    struct rig rig;
    rig_init(&rig);
    talk(&rig, d->in, cut, piece);
    struct str out = buf_str(&rig.conn.out);
    assert_row(str_starts(out, str_c(lhlo_reply)), i, d->what);
    out = str_skip(out, strlen(lhlo_reply));
    if (!str_eq(out, str_c(d->out)))
        print_error("cut at %zu, pieces of %zu\n", cut, piece);
    assert_str(out, d->out);
    assert_row(rig_count(&rig, ANNA, "INBOX") == d->in_anna, i, d->what);
    assert_row(rig_count(&rig, BOB, "INBOX") == d->in_bob, i, d->what);
    rig_deinit(&rig);
}

static void test_dialogue_is_the_same_in_one_piece_and_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(dialogues); i++) {
        check_dialogue(i, dialogues[i].in.n, 1);
        check_dialogue(i, 0, 1);
    }
}

static void test_dialogue_is_the_same_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(dialogues); i++)
        for (size_t cut = 1; cut < dialogues[i].in.n; cut++)
            check_dialogue(i, cut, dialogues[i].in.n);
}

/* ---- what is stored ---- */

static void test_message_is_stored_as_it_came(void **state)
{
    static const struct {
        struct str sent, stored;
    } cases[] = {
        { STR_INIT("DATA\r\nSubject: x\r\n\r\nbody\r\n.\r\n"), STR_INIT("Subject: x\r\n\r\nbody\r\n") },
        { STR_INIT("DATA\r\n.\r\n"), STR_INIT("") },
        { STR_INIT("DATA\r\n..\r\n...x\r\n.y\r\n.\r\n"), STR_INIT(".\r\n..x\r\ny\r\n") },
        { STR_INIT("DATA\r\na\n.\nb\r.\rc\0\377\r\n.\r\n"), STR_INIT("a\n.\nb\r.\rc\0\377\r\n") },
        { STR_INIT("DATA\r\n.\r.\r\n.\r\n"), STR_INIT("\r.\r\n") },
        { STR_INIT("BDAT 3\r\n.\r\nBDAT 4 LAST\r\n\n\0.\r"), STR_INIT(".\r\n\n\0.\r") },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        for (size_t piece = 1; piece <= 64; piece *= 8) {
            struct rig rig;
            struct message row;
            rig_init(&rig);
            talk(&rig, STR(FROM TO(ANNA)), 0, 100);
            bool open = true;
            for (size_t at = 0; open && at < cases[i].sent.n; at += piece)
                open = rig_send(&rig, str_sub(cases[i].sent, at, piece), CONN_INPUT);
            struct str whole = rig_message(&rig, ANNA, "INBOX", 1, &row);
            const char *trace = "Return-Path: <s@example.com>\r\nDelivered-To: " ANNA
                                "\r\nReceived: from mx.example.com\r\n"
                                "\tby loft.example.org with LMTP id " ID
                                "1;\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n";
            assert_row(str_starts(whole, str_c(trace)), i, whole.p);
            assert_row(str_eq(str_skip(whole, strlen(trace)), cases[i].stored), i, whole.p);
            assert_int_equal(row.flags, 0);
            assert_int_equal(row.internal_date_s, RIG_WALL_S);
            rig_deinit(&rig);
        }
    }
}

static void test_addresses_keep_their_quotes_in_the_header(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig);
    talk(&rig,
         STR("MAIL FROM:<\"a> b\\\"\"@example.com>\r\nRCPT TO:<\"anna+x "
             "y\"@example.org>\r\nDATA\r\nx\r\n.\r\n"),
         0, 1000);
    struct str whole = rig_message(&rig, ANNA, "INBOX", 1, NULL);
    assert_true(str_starts(
        whole, STR("Return-Path: <\"a> b\\\"\"@example.com>\r\nDelivered-To: \"anna+x y\"@example.org\r\n")));
    rig_deinit(&rig);
}

/* One account, several addresses: one copy of the bytes, in each mailbox asked for once. */
static void test_addresses_of_one_account_share_a_copy(void **state)
{
    struct rig rig;
    struct message inbox, sent;
    (void)state;
    rig_init(&rig);
    talk(&rig,
         STR(FROM TO("anna+Sent@example.org") TO(ANNA) TO("anna+inbox@example.org")
                 TO("anna+missing@example.org") TO("anna+Sent@example.org") "DATA\r\nx\r\n.\r\n"),
         0, 1000);
    assert_int_equal(rig_count(&rig, ANNA, "INBOX"), 1);
    assert_int_equal(rig_count(&rig, ANNA, "Sent"), 1);
    struct str whole = rig_message(&rig, ANNA, "INBOX", 1, &inbox);
    rig_message(&rig, ANNA, "Sent", 1, &sent);
    assert_true(inbox.blob == sent.blob);
    assert_true(inbox.email_id == sent.email_id);
    assert_true(str_starts(
        whole,
        STR("Return-Path: <s@example.com>\r\nDelivered-To: anna+Sent@example.org\r\nDelivered-To: " ANNA
            "\r\n"
            "Delivered-To: anna+inbox@example.org\r\nDelivered-To: anna+missing@example.org\r\nReceived:")));
    rig_deinit(&rig);
}

static void test_detail_names_a_mailbox_or_inbox_takes_it(void **state)
{
    static const struct {
        const char *detail;
        bool create;
        const char *mailbox;
    } cases[] = {
        { "Sent", false, "Sent" },   { "Sent", true, "Sent" },       { "inbox", false, "INBOX" },
        { "INBOX", true, "INBOX" },  { "new", false, "INBOX" },      { "new", true, "new" },
        { "a/b/c", false, "INBOX" }, { "a/b/c", true, "a/b/c" },     { "sent", false, "INBOX" },
        { "", true, "INBOX" },       { "a//b", true, "INBOX" },      { "/", true, "INBOX" },
        { "../bob", true, "INBOX" }, { "Inbox/x", true, "INBOX/x" }, { "%2e", true, "%2e" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct rig rig;
        char command[200];
        rig_init(&rig);
        rig.server.settings.create_mailbox = cases[i].create;
        snprintf(command, sizeof command, FROM "RCPT TO:<anna+%s@example.org>\r\nDATA\r\nx\r\n.\r\n",
                 cases[i].detail);
        talk(&rig, str_c(command), 0, 1000);
        assert_row(str_ends(buf_str(&rig.conn.out), STR("Delivered, " ID "1\r\n")), i, cases[i].detail);
        if (rig_count(&rig, ANNA, cases[i].mailbox) != 1)
            print_message("INBOX holds %u\n", rig_count(&rig, ANNA, "INBOX"));
        assert_row(rig_count(&rig, ANNA, cases[i].mailbox) == 1, i, cases[i].detail);
        rig_deinit(&rig);
    }
}

/* ---- limits and failures ---- */

static void test_size_is_limited_in_the_stream(void **state)
{
    static const struct {
        size_t n;
        bool bdat;
        const char *out;
    } cases[] = {
        { 9999, false, "250 2.0.0 <" ANNA "> Delivered, " ID "1\r\n250 2.0.0 Ok\r\n" },
        { 10000, false, "250 2.0.0 <" ANNA "> Delivered, " ID "1\r\n250 2.0.0 Ok\r\n" },
        { 10001, false, "552 5.3.4 <" ANNA "> Message too large\r\n250 2.0.0 Ok\r\n" },
        { 50000, false, "552 5.3.4 <" ANNA "> Message too large\r\n250 2.0.0 Ok\r\n" },
        { 10000, true,
          "250 2.0.0 Chunk received\r\n250 2.0.0 <" ANNA "> Delivered, " ID "1\r\n250 2.0.0 Ok\r\n" },
        { 10001, true,
          "552 5.3.4 Message too large\r\n552 5.3.4 <" ANNA "> Message too large\r\n250 2.0.0 Ok\r\n" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct rig rig;
        char *body = malloc(cases[i].n);
        char bdat[40];
        rig_init(&rig);
        talk(&rig, STR(FROM TO(ANNA)), 0, 1000);
        memset(body, 'x', cases[i].n);
        memcpy(body + cases[i].n - 2, "\r\n", 2);
        snprintf(bdat, sizeof bdat, "BDAT %zu\r\n", cases[i].n);
        rig_send(&rig, cases[i].bdat ? str_c(bdat) : STR("DATA\r\n"), CONN_INPUT);
        for (size_t at = 0; at < cases[i].n; at += 1000)
            rig_send(&rig, str_sub(str_make(body, cases[i].n), at, 1000), CONN_INPUT);
        rig_send(&rig, cases[i].bdat ? STR("BDAT 0 LAST\r\n") : STR(".\r\n"), CONN_INPUT);
        rig_send(&rig, STR("NOOP\r\n"), CONN_INPUT);
        assert_row(str_ends(buf_str(&rig.conn.out), str_c(cases[i].out)), i, buf_c(&rig.conn.out));
        assert_row(rig_count(&rig, ANNA, "INBOX") == (strstr(cases[i].out, "Delivered") != NULL), i,
                   "stored");
        free(body);
        rig_deinit(&rig);
    }
}

static void test_line_is_limited(void **state)
{
    (void)state;
    for (int more = -1; more <= 1; more++) {
        struct rig rig;
        struct buf line = BUF_INIT;
        rig_init(&rig);
        buf_add_lit(&line, "NOOP ");
        while (line.n < (size_t)(LMTP_LINE_BYTES_MAX + more - 2))
            buf_add_char(&line, 'x');
        buf_add_lit(&line, "\r\n");
        talk(&rig, buf_str(&line), 0, 700);
        const char *out = more <= 0 ? "250 2.0.0 Ok\r\n" : "500 5.5.2 Line too long\r\n";
        assert_str(str_skip(buf_str(&rig.conn.out), strlen(lhlo_reply)), out);
        assert_int_equal(rig.conn.closing, more > 0);
        buf_deinit(&line);
        rig_deinit(&rig);
    }
}

/* What follows a refused DATA is somebody's message: in the same piece or later, nothing of it is run. */
static void test_data_without_leave_is_not_run(void **state)
{
    static const char message[] = "Subject: x\r\n\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<" ANNA
                                  ">\r\nDATA\r\nevil\r\n.\r\n";
    (void)state;
    for (int later = 0; later <= 1; later++) {
        struct rig rig;
        rig_init(&rig);
        rig_connect(&rig);
        struct buf all = BUF_INIT;
        buf_add_lit(&all, "LHLO x\r\n" FROM TO("x@y") "DATA\r\n");
        if (!later)
            buf_add(&all, str_c(message));
        bool open = rig_send(&rig, buf_str(&all), CONN_INPUT);
        assert_int_equal(open, later);
        if (later)
            assert_false(rig_send(&rig, str_c(message), CONN_INPUT));
        assert_true(str_ends(
            buf_str(&rig.conn.out),
            later ? STR("503 5.5.1 No valid recipients\r\n421 4.7.0 Unknown command; that is enough\r\n")
                  : STR("503 5.5.1 No valid recipients\r\n")));
        assert_int_equal(rig_count(&rig, ANNA, "INBOX"), 0);
        buf_deinit(&all);
        rig_deinit(&rig);
    }
}

static void test_bdat_before_lhlo_is_swallowed(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig);
    rig_connect(&rig);
    rig_send(&rig, STR("BDAT 6 LAST\r\nQUIT\r\nMAIL FROM:<>\r\n"), CONN_INPUT);
    assert_str(
        buf_str(&rig.conn.out),
        "220 loft.example.org LMTP Loft ready\r\n503 5.5.1 MAIL first\r\n503 5.5.1 Say LHLO first\r\n");
    rig_deinit(&rig);
}

static void test_time_and_shutdown_end_a_session(void **state)
{
    static const struct {
        unsigned event;
        const char *out;
    } cases[] = { { CONN_TIMER, "421 4.4.2 Took too long\r\n" },
                  { CONN_SHUTDOWN, "421 4.3.2 Shutting down\r\n" },
                  { CONN_EOF, "" } };
    static const char *const places[] = { "", FROM TO(ANNA), FROM TO(ANNA) "DATA\r\nhalf a message\r\n",
                                          FROM TO(ANNA) "BDAT 100\r\nhalf" };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        for (size_t k = 0; k < ARRAY_COUNT(places); k++) {
            struct rig rig;
            rig_init(&rig);
            talk(&rig, str_c(places[k]), 0, 1000);
            size_t before = rig.conn.out.n;
            assert_int_equal(rig.conn.deadline_ms, 1000);
            assert_false(rig_send(&rig, STR_NIL, cases[i].event));
            assert_str(str_skip(buf_str(&rig.conn.out), before), cases[i].out);
            assert_int_equal(rig_count(&rig, ANNA, "INBOX"), 0);
            rig_deinit(&rig);
        }
    }
}

/* A client that says all it has and closes its side: all of it is done, more than one turn's worth too. */
static void test_everything_before_the_end_is_done(void **state)
{
    struct rig rig;
    struct buf in = BUF_INIT, out = BUF_INIT;
    (void)state;
    rig_init(&rig);
    rig_connect(&rig);
    for (int i = 0; i < 1000; i++) {
        buf_add_lit(&in, "VRFY x\r\n");
        buf_add_lit(&out, "252 2.5.2 Try to deliver\r\n");
    }
    assert_false(rig_send(&rig, buf_str(&in), CONN_INPUT | CONN_EOF));
    assert_true(str_ends(buf_str(&rig.conn.out), buf_str(&out)));
    buf_deinit(&in);
    buf_deinit(&out);
    rig_deinit(&rig);
}

/* Every call of the store fails once: each recipient is told the truth,
 * and a repetition of what failed brings it. */
static void test_each_failure_of_the_store_is_told(void **state)
{
    static const struct {
        enum err_kind kind;
        const char *code;
    } kinds[] = { { ERR_FULL, "452 4.3.1" }, { ERR_IO, "451 4.3.0" }, { ERR_UNAVAILABLE, "451 4.3.2" } };
    bool failed[ARRAY_COUNT(kinds)] = { false };
    (void)state;
    for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
        for (uint64_t nth = 1;; nth++) {
            struct rig rig;
            rig_init(&rig);
            talk(&rig, STR(FROM TO(ANNA) TO("anna+Sent@example.org") TO(BOB)), 0, 1000);
            size_t before = rig.conn.out.n;
            faulty_store_plan(rig.b.store, &(struct faulty_plan){ .ops = FAULTY_COMMIT | FAULTY_BLOB_WRITE,
                                                                  .nth = nth,
                                                                  .error = kinds[k].kind });
            rig_send(&rig, STR("DATA\r\nx\r\n.\r\n"), CONN_INPUT);
            uint64_t calls = faulty_store_count(rig.b.store);
            faulty_store_plan(rig.b.store, &(struct faulty_plan){ 0 });
            struct str out = str_skip(buf_str(&rig.conn.out), before), line = str_cut(out, '\n', &out);
            const char *const users[] = { ANNA, ANNA, BOB }, *const boxes[] = { "INBOX", "Sent", "INBOX" };
            for (size_t i = 0; i < 3; i++) {
                line = str_cut(out, '\n', &out);
                bool ok = str_starts(line, STR("250 2.0.0"));
                assert_row(ok || str_starts(line, str_c(kinds[k].code)), i, line.p);
                failed[k] = failed[k] || !ok;
                assert_row(rig_count(&rig, users[i], boxes[i]) == ok, i, kinds[k].code);
            }
            assert_int_equal(out.n, 0);
            rig_send(&rig, STR(FROM TO(ANNA) "DATA\r\ny\r\n.\r\n"), CONN_INPUT);
            assert_true(str_ends(buf_str(&rig.conn.out), STR(ID "2\r\n")));
            rig_deinit(&rig);
            if (calls < nth)
                break;
        }
        assert_true(failed[k]);
    }
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialogue_is_the_same_in_one_piece_and_byte_by_byte),
        cmocka_unit_test(test_dialogue_is_the_same_cut_anywhere),
        cmocka_unit_test(test_message_is_stored_as_it_came),
        cmocka_unit_test(test_addresses_keep_their_quotes_in_the_header),
        cmocka_unit_test(test_addresses_of_one_account_share_a_copy),
        cmocka_unit_test(test_detail_names_a_mailbox_or_inbox_takes_it),
        cmocka_unit_test(test_size_is_limited_in_the_stream),
        cmocka_unit_test(test_line_is_limited),
        cmocka_unit_test(test_data_without_leave_is_not_run),
        cmocka_unit_test(test_bdat_before_lhlo_is_swallowed),
        cmocka_unit_test(test_time_and_shutdown_end_a_session),
        cmocka_unit_test(test_everything_before_the_end_is_done),
        cmocka_unit_test(test_each_failure_of_the_store_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
