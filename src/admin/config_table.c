#include "admin/config_table.h"

#include "auth/guard.h"
#include "auth/own/totp.h"
#include "auth/scram.h"
#include "base/audit.h"
#include "net/tls.h"

#include <assert.h>

#define K                     UINT64_C(1024)
#define M                     (1024 * K)
#define G                     (1024 * M)
#define LOFT_COMMON_PASSWORDS "/usr/share/john/password.lst"
#define FIELD(field)          offsetof(struct config, field)
enum { PATH_BYTES_MAX = 4095, SOCKET_PATH_BYTES_MAX = 107, MAILBOX_NAME_BYTES_MAX = 255 };

static const char *const log_levels[] = { "debug", "info", "warn", "error", NULL }; /* enum log_level */
static const char *const log_formats[] = { "text", "json", NULL };                  /* enum log_format */
static const char *const tls_versions[] = { "1.2", "1.3", NULL }; /* enum config_tls_version */
static const char *const client_certificates[] = { "no", "request", "require",
                                                   NULL }; /* enum tls_client_certificate */
static const char *const client_names[] = { "email", "upn", "common-name", NULL }; /* enum tls_client_name */
static const char *const socket_modes[] = { "0600", "0660", "0666", NULL }; /* enum config_socket_mode */
static const char *const over_replies[] = { "452", "552", NULL };           /* enum config_over_reply */
static const char *const compressions[] = { "lz4", "zstd", "none", NULL };  /* enum config_compression */

static const char *const oauth_validations[] = { "local", "introspection", "either",
                                                 NULL };             /* enum config_oauth_validation */
static const char *const client_auths[] = { "basic", "post", NULL }; /* enum config_client_auth */

static const char *const ldap_verify[] = { "bind", "attribute", NULL }; /* enum config_ldap_verify */

const struct config_section config_sections[] = {
    { "data", "Where mail is kept." },
    { "log", "What is written to standard error." },
    { "audit", "What is recorded for auditors: who came in, what was changed and deleted (loft-audit(5))." },
    { "devices", "What is known of the programs that sign in: *loft sessions*." },
    { "server", "The process itself." },
    { "sandbox", "What the server gives up before it serves anybody." },
    { "imap", "IMAP with STARTTLS, and what holds for IMAP on every port." },
    { "imaps", "IMAP under TLS from the first byte." },
    { "lmtp", "Delivery of mail by a mail transfer agent." },
    { "tls", "Certificates, versions and ciphers; all of it is read again on SIGHUP." },
    { "auth", "Signing in." },
    { "totp", "Second factors: codes of an authenticator program (RFC 6238)." },
    { "passwd_file", "Users of a file in the format of Dovecot's passwd-file; see PROVIDERS." },
    { "ldap", "Users of an LDAP directory or of Active Directory; see PROVIDERS." },
    { "gssapi", "Users who sign in with a Kerberos ticket (RFC 4752)." },
    { "pam", "Users that PAM knows, those of the system, say; see PROVIDERS." },
    { "oauth", "Users who sign in with a token of an OAuth 2 or OpenID Connect issuer; see PROVIDERS." },
    { "limits", "How much one address, one account and everybody together may use." },
    { "delivery", "Mail that arrives, by LMTP, loft deliver or loft import." },
    { "mailboxes",
      "Mailboxes that a new account is given, subscribed and with their special use (RFC 6154)." },
    { "sharing", "Mailboxes that several users use (RFC 4314)." },
    { "quota", "What an account, and all accounts of a domain together, may hold (RFC 9208)." },
    { "index",
      "The search index: what SEARCH asks for texts, made in the background from mail that is there." },
    { "store", "The embedded storage engine." },
};
const size_t config_section_count = ARRAY_COUNT(config_sections);

/* Order: data.folder first, because other defaults are paths in it; sections as above. */
const struct config_setting config_settings[] = {
    { "data.folder", CONFIG_PATH, .min = 1, .max = PATH_BYTES_MAX, .offset = FIELD(data.folder),
      .written = true, .help = "Folder that holds all mail and everything the server makes itself." },

    { "log.level", CONFIG_WORD, .standard = "info", .words = log_levels, .offset = FIELD(log.level),
      .help = "Least level of the events that are logged." },
    { "log.format", CONFIG_WORD, .standard = "text", .words = log_formats, .offset = FIELD(log.format),
      .help = "text is one line for people, json one object a line for programs." },

    { "audit.file", CONFIG_PATH, .standard = "audit.log", .max = PATH_BYTES_MAX, .offset = FIELD(audit.file),
      .written = true,
      .help = "File to which events are appended, one JSON object a line; *loft log* reads it. Empty: "
              "nothing is recorded." },
    { "audit.rotate_bytes", CONFIG_NUMBER, CONFIG_BYTES, "64M", 0, 1024 * G,
      .offset = FIELD(audit.rotate_bytes),
      .help = "A file that would grow beyond becomes audit.file with .1 behind it, and that one .2; 0: "
              "never, somebody else "
              "moves it." },
    { "audit.keep_count", CONFIG_NUMBER, .standard = "20", .min = 1, .max = AUDIT_KEEP_MAX,
      .offset = FIELD(audit.keep_count), .help = "So many of those files are kept; the oldest goes." },

    { "devices.keep_s", CONFIG_NUMBER, CONFIG_SECONDS, "90d", 3600, 3650 * 86400,
      .offset = FIELD(devices.keep_s), .help = "A device that has not been seen for so long is forgotten." },
    { "devices.notify", CONFIG_BOOL, .standard = "no", .offset = FIELD(devices.notify),
      .help = "A sign-in from a network and with a program that are both new for an account puts a message "
              "into the user's "
              "INBOX, three a day at most. It is an event (loft-audit(5)) in any case." },

    { "server.workers", CONFIG_NUMBER, .standard = "64", .min = 1, .max = 4096,
      .offset = FIELD(server.workers),
      .help = "Threads that serve connections. A connection that waits needs none." },
    { "server.workers_max", CONFIG_NUMBER, .standard = "256", .min = 1, .max = 4096,
      .offset = FIELD(server.workers_max),
      .help = "Threads are added up to this number while all of them are blocked." },
    { "server.control_socket", CONFIG_PATH, .standard = "control.sock", .min = 1,
      .max = SOCKET_PATH_BYTES_MAX, .offset = FIELD(server.control_socket), .written = true,
      .help = "Local socket over which the command line talks to the running server." },
    { "server.user", CONFIG_STRING, .standard = "", .max = 32, .offset = FIELD(server.user),
      .help = "Who the server becomes when root has started it, once its ports are bound. Give it the data "
              "folder, "
              "and let it read keys and configuration." },
    { "server.group", CONFIG_STRING, .standard = "", .max = 32, .offset = FIELD(server.group),
      .help = "The group of server.user; empty for the one it has. Others that it is a member of stay." },

    { "sandbox.enabled", CONFIG_BOOL, .standard = "yes", .offset = FIELD(sandbox.enabled),
      .help =
          "Once it runs, the server can open only the files and folders that settings name and what "
          "libraries read, and cannot start programs, trace processes, mount, load modules or open raw "
          "sockets. A setting that names another folder takes a restart. What is in force: loft status." },

    { "imap.listen", CONFIG_LISTEN, .standard = "*:143", .max = CONFIG_LISTEN_MAX,
      .offset = FIELD(imap.listen),
      .help = "Addresses for IMAP with STARTTLS. When this is not set and port 143 may not be bound, 1143 is "
              "used." },
    { "imap.proxy_protocol", CONFIG_BOOL, .standard = "no", .offset = FIELD(imap.proxy_protocol),
      .help = "Every connection to imap.listen must begin with a HAProxy PROXY header, version 1 or 2, that "
              "names the client. "
              "Say yes only where nobody but the proxy can connect." },
    { "imap.client_certificate", CONFIG_WORD, .standard = "request", .words = client_certificates,
      .offset = FIELD(imap.client_certificate),
      .help = "Whether clients are asked for a certificate where tls.client_ca is set. With require nobody "
              "comes in without one." },
    { "imap.login_timeout_s", CONFIG_NUMBER, CONFIG_SECONDS, "60", 5, 3600,
      .offset = FIELD(imap.login_timeout_s),
      .help = "A client that has not signed in by then is disconnected." },
    { "imap.autologout_s", CONFIG_NUMBER, CONFIG_SECONDS, "30m", 1800, 86400,
      .offset = FIELD(imap.autologout_s),
      .help = "A client that says nothing for as long is disconnected, also while it idles. At least 30 "
              "minutes (RFC 9051, 5.4)." },
    { "imap.idle_heartbeat_s", CONFIG_NUMBER, CONFIG_SECONDS, "2m", 1, 1740,
      .offset = FIELD(imap.idle_heartbeat_s),
      .help = "How often an idling client is told that the server is there, so that no box in between "
              "forgets the connection." },
    { "imap.progress_interval_ms", CONFIG_NUMBER, CONFIG_MILLISECONDS, "10s", 1, 3600000,
      .offset = FIELD(imap.progress_interval_ms),
      .help =
          "How often a client that waits for a long search is told how far it has come (RFC 9585), so that "
          "it does not give up." },
    { "imap.notify_mailboxes", CONFIG_NUMBER, .standard = "5000", .min = 1, .max = 1000000,
      .offset = FIELD(imap.notify_mailboxes),
      .help = "How many mailboxes one session may watch with NOTIFY." },
    { "imap.unauthenticate", CONFIG_BOOL, .standard = "yes", .offset = FIELD(imap.unauthenticate),
      .help = "Clients may go back to before their login, to sign in as somebody else on the same connection "
              "(RFC 8437). Say no behind a proxy that checks only the first login." },
    { "imap.language_folder", CONFIG_PATH, .standard = LOFT_LANGUAGE_FOLDER, .max = PATH_BYTES_MAX,
      .offset = FIELD(imap.language_folder),
      .help = "Translations of what the server tells people, for clients that ask for them with LANGUAGE: "
              "files like "
              "de.po. Empty for none." },
    { "imap.language", CONFIG_STRING, .standard = "en", .min = 1, .max = 35, .offset = FIELD(imap.language),
      .help = "The language that clients get who ask for the \"default\" one. All are told English until "
              "they ask." },
    { "imap.refuse_8bit_header", CONFIG_BOOL, .standard = "no", .offset = FIELD(imap.refuse_8bit_header),
      .help =
          "Refuse APPEND of a message with 8-bit header fields by clients that have not enabled UTF8=ACCEPT "
          "or "
          "IMAP4rev2, as RFC 9755 demands. Much old mail has such fields; who moves it here may not want to "
          "lose it." },
    { "imap.message_limit", CONFIG_NUMBER, .standard = "0", .max = 100000,
      .offset = FIELD(imap.message_limit),
      .help =
          "Messages that one FETCH, STORE, SEARCH, COPY, MOVE, APPEND or UID EXPUNGE works on, announced as "
          "MESSAGELIMIT (RFC 9738); 0 for no limit. SORT and THREAD of more are refused. Clients that do not "
          "know it see the newest messages of a larger mailbox only; RFC 9738 wants at least 1000." },
    { "imap.save_limit", CONFIG_NUMBER, .standard = "0", .max = 100000, .offset = FIELD(imap.save_limit),
      .help = "The same for COPY and APPEND alone, announced as SAVELIMIT, where imap.message_limit is 0; 0 "
              "for no "
              "limit." },
    { "imap.sort_cache_bytes", CONFIG_NUMBER, CONFIG_BYTES, "64M", 64 * K, 1024 * G,
      .offset = FIELD(imap.sort_cache_bytes),
      .help =
          "Memory for the keys by which SORT and THREAD have put messages in order, of all mailboxes: about "
          "20 bytes a message and key, 60 for THREAD. What is not there is read again." },
    { "imap.hide_capabilities", CONFIG_STRING, .standard = "", .max = 1000,
      .offset = FIELD(imap.hide_capabilities),
      .help =
          "Names of capabilities that are not announced on any port, with spaces between: for clients with "
          "faults. NAME* is all that begin so. Commands go on working. STARTTLS and LOGINDISABLED cannot be "
          "hidden. For one user: loft user hide-capability." },
    { "imap.max_line_bytes", CONFIG_NUMBER, CONFIG_BYTES, "64K", 8 * K, 16 * M,
      .offset = FIELD(imap.max_line_bytes),
      .help = "Longest command line, without its literals, of a client that has signed in." },
    { "imap.max_literal_bytes", CONFIG_NUMBER, CONFIG_BYTES, "128K", 4 * K, 64 * M,
      .offset = FIELD(imap.max_literal_bytes), .help = "Longest literal that is not a message to append." },
    { "imap.max_command_bytes", CONFIG_NUMBER, CONFIG_BYTES, "1M", 64 * K, 256 * M,
      .offset = FIELD(imap.max_command_bytes),
      .help = "Longest command, with all its literals but those of APPEND." },
    { "imap.max_append_bytes", CONFIG_NUMBER, CONFIG_BYTES, "64M", 64 * K, 1 * G,
      .offset = FIELD(imap.max_append_bytes),
      .help = "Largest message that APPEND takes; announced as APPENDLIMIT (RFC 7889)." },

    { "imaps.listen", CONFIG_LISTEN, .standard = "*:993", .max = CONFIG_LISTEN_MAX,
      .offset = FIELD(imaps.listen),
      .help =
          "Addresses for IMAP under TLS. When this is not set and port 993 may not be bound, 1993 is used." },
    { "imaps.proxy_protocol", CONFIG_BOOL, .standard = "no", .offset = FIELD(imaps.proxy_protocol),
      .help = "As imap.proxy_protocol, for imaps.listen. The header comes before TLS." },
    { "imaps.client_certificate", CONFIG_WORD, .standard = "request", .words = client_certificates,
      .offset = FIELD(imaps.client_certificate),
      .help = "Whether clients are asked for a certificate where tls.client_ca is set. With require nobody "
              "comes in without one." },
    { "imaps.hide_capabilities", CONFIG_STRING, .standard = "", .max = 1000,
      .offset = FIELD(imaps.hide_capabilities),
      .help = "Further capabilities that are not announced on imaps.listen; as imap.hide_capabilities." },

    { "lmtp.listen", CONFIG_LISTEN, .standard = "./lmtp.sock", .max = CONFIG_LISTEN_MAX,
      .offset = FIELD(lmtp.listen),
      .help = "Addresses for LMTP. Whoever can connect can deliver: use a local socket or a network of your "
              "own. No other user can reach a socket in the data folder, where the default is." },
    { "lmtp.socket_mode", CONFIG_WORD, .standard = "0660", .words = socket_modes,
      .offset = FIELD(lmtp.socket_mode),
      .help = "Who may connect to a local socket of lmtp.listen: 0600 the user that the server runs as, 0660 "
              "its group too, 0666 every user who can reach the folder." },
    { "lmtp.proxy_protocol", CONFIG_BOOL, .standard = "no", .offset = FIELD(lmtp.proxy_protocol),
      .help = "As imap.proxy_protocol, for lmtp.listen." },
    { "lmtp.max_message_bytes", CONFIG_NUMBER, CONFIG_BYTES, "64M", 64 * K, 1 * G,
      .offset = FIELD(lmtp.max_message_bytes),
      .help = "Largest message that is taken; announced as SIZE (RFC 1870)." },
    { "lmtp.max_recipients", CONFIG_NUMBER, .standard = "1000", .min = 100, .max = 100000,
      .offset = FIELD(lmtp.max_recipients),
      .help = "Recipients of one message. At least 100 (RFC 5321, 4.5.3.1.8)." },
    { "lmtp.timeout_s", CONFIG_NUMBER, CONFIG_SECONDS, "5m", 10, 3600, .offset = FIELD(lmtp.timeout_s),
      .help = "A sender that says nothing for as long is disconnected (RFC 5321, 4.5.3.2.7: at least 5 "
              "minutes)." },
    { "lmtp.recipient_delimiter", CONFIG_STRING, .standard = "+", .max = 1,
      .offset = FIELD(lmtp.recipient_delimiter),
      .help = "Character between user and mailbox: anna+lists@example.org goes to the mailbox lists of "
              "anna@example.org. "
              "Empty for none." },
    { "lmtp.create_folder", CONFIG_BOOL, .standard = "no", .offset = FIELD(lmtp.create_folder),
      .help = "Make the mailbox that follows the delimiter when there is none; otherwise such mail goes to "
              "INBOX." },

    { "tls.certificate", CONFIG_PATH, .standard = "", .max = PATH_BYTES_MAX, .offset = FIELD(tls.certificate),
      .help = "PEM file with the certificate and those between it and the root. Empty: a self-signed one is "
              "made in the data folder." },
    { "tls.key", CONFIG_PATH, .standard = "", .max = PATH_BYTES_MAX, .offset = FIELD(tls.key),
      .help = "PEM file with the private key of tls.certificate." },
    { "tls.sni_folder", CONFIG_PATH, .standard = "", .max = PATH_BYTES_MAX, .offset = FIELD(tls.sni_folder),
      .help = "Folder with further pairs NAME.crt and NAME.key, chosen by the name that a client asks for "
              "(SNI)." },
    { "tls.min_version", CONFIG_WORD, .standard = "1.2", .words = tls_versions,
      .offset = FIELD(tls.min_version), .help = "Oldest version of TLS that is spoken." },
    { "tls.ciphers", CONFIG_STRING, .standard = TLS_CIPHERS_DEFAULT, .min = 1, .max = 2000,
      .offset = FIELD(tls.ciphers), .help = "Ciphers of TLS 1.2, as openssl-ciphers(1) writes them." },
    { "tls.ciphersuites", CONFIG_STRING, .standard = TLS_CIPHERSUITES_DEFAULT, .min = 1, .max = 2000,
      .offset = FIELD(tls.ciphersuites), .help = "Ciphers of TLS 1.3, separated by colons." },
    { "tls.groups", CONFIG_STRING, .standard = TLS_GROUPS_DEFAULT, .min = 1, .max = 2000,
      .offset = FIELD(tls.groups),
      .help = "Groups for the key exchange, the one we like best first, separated by colons." },
    { "tls.server_preference", CONFIG_BOOL, .standard = "yes", .offset = FIELD(tls.server_preference),
      .help = "Our order of ciphers counts. Clients without help for AES in their processor, which put "
              "ChaCha20 first, get that all the same." },
    { "tls.client_ca", CONFIG_PATH, .standard = "", .max = PATH_BYTES_MAX, .offset = FIELD(tls.client_ca),
      .help =
          "PEM file with the authorities that sign certificates of clients. Clients are asked for one "
          "only when this is set, and can sign in with it by SASL EXTERNAL. One that is not good ends the "
          "connection." },
    { "tls.client_crl", CONFIG_PATH, .standard = "", .max = PATH_BYTES_MAX, .offset = FIELD(tls.client_crl),
      .help =
          "PEM file with the revocation lists of all authorities that sign certificates of clients, and of "
          "those above them up to the one in tls.client_ca: each certificate of the chain is looked up, so "
          "that one under an authority which is revoked opens nothing. When a list is missing or out of "
          "date, no certificate under that authority is taken." },
    { "tls.client_depth", CONFIG_NUMBER, .standard = "4", .max = TLS_TRUST_DEPTH_MAX,
      .offset = FIELD(tls.client_depth),
      .help = "How many authorities may stand between the certificate of a client and the one in "
              "tls.client_ca." },
    { "tls.client_name", CONFIG_WORD, .standard = "email", .words = client_names,
      .offset = FIELD(tls.client_name),
      .help = "Which name in the certificate of a client is the user: the first e-mail address or the first "
              "user principal name of its alternative names, or the last common name of its subject. A "
              "certificate without that name is nobody's." },

    { "auth.providers", CONFIG_STRING, .standard = "own", .min = 1, .max = 255,
      .offset = FIELD(auth.providers),
      .help = "Who keeps users and their passwords, in the order in which they are asked, with spaces "
              "between: own (loft "
              "user), passwd-file, ldap, pam, oauth. The first that knows the name decides; when it is down, "
              "nobody else is "
              "asked. See "
              "PROVIDERS." },
    { "auth.mechanisms", CONFIG_STRING,
      .standard = "SCRAM-SHA-256-PLUS SCRAM-SHA-256 EXTERNAL GSSAPI OAUTHBEARER XOAUTH2 PLAIN LOGIN",
      .max = 1000, .offset = FIELD(auth.mechanisms),
      .help =
          "Ways to sign in, with spaces between. Of these a client is offered what it can use: EXTERNAL when "
          "it "
          "has shown a certificate that names a user, those with PLUS where its connection can be bound to, "
          "SCRAM and tokens when somebody who knows such credentials is asked, GSSAPI with gssapi.keytab. "
          "SCRAM-SHA-1 and "
          "SCRAM-SHA-1-PLUS are for old clients and off. Without PLAIN the LOGIN command takes no passwords "
          "either." },
    { "auth.plaintext_on_loopback", CONFIG_BOOL, .standard = "no",
      .offset = FIELD(auth.plaintext_on_loopback),
      .help = "Take passwords without TLS from this machine itself. From elsewhere they are never taken "
              "without TLS." },
    { "auth.may_act_for", CONFIG_STRING, .standard = "", .max = 16 * K, .offset = FIELD(auth.may_act_for),
      .help = "Who may sign in for whom (the authorisation identity of SASL), with their own password: rules "
              "USER: NAME ..., with "
              "semicolons between, where NAME is a user, @DOMAIN with an asterisk in front, or an asterisk "
              "for everybody. Users with such a rule are themselves "
              "meant only where they are named. Each such sign-in is marked in the log." },
    { "auth.default_domain", CONFIG_STRING, .standard = "", .max = 255, .offset = FIELD(auth.default_domain),
      .help = "Domain of names that are typed without one: with example.org, anna and anna@example.org are "
              "one user, "
              "for signing in and for mail, under whichever of the two names there is an account. Empty for "
              "none." },
    { "auth.password_length_min", CONFIG_NUMBER, .standard = "8", .min = 1, .max = 256,
      .offset = FIELD(auth.password_length_min),
      .help = "Characters that a new password of *loft user add* or *loft user passwd* must have at least. "
              "It must be neither "
              "the user name nor in auth.common_passwords; there are no rules about digits or signs." },
    { "auth.common_passwords", CONFIG_PATH, .standard = LOFT_COMMON_PASSWORDS, .max = PATH_BYTES_MAX,
      .offset = FIELD(auth.common_passwords),
      .help = "List of passwords that are guessed first, one a line, which nobody may choose, in whatever "
              "case; the default is from "
              "Debian's package john-data. Without the file only the length counts, and the log says so. "
              "Empty for none." },
    { "auth.password_days", CONFIG_NUMBER, .standard = "0", .min = 0, .max = 36500,
      .offset = FIELD(auth.password_days),
      .help = "After so many days a password of ours opens nothing any more, until an administrator sets a "
              "new one: who has it is told "
              "EXPIRED (RFC 5530). App passwords have an end of their own. 0: it holds for ever, which is "
              "what NIST SP 800-63B advises." },
    { "auth.sign_in_with_alias", CONFIG_BOOL, .standard = "yes", .offset = FIELD(auth.sign_in_with_alias),
      .help = "An alias that stands for one user (*loft alias add*) may be typed as the user name, too." },
    { "auth.failure_delay_ms", CONFIG_NUMBER, CONFIG_MILLISECONDS, "500", 0, 60000,
      .offset = FIELD(auth.failure_delay_ms),
      .help = "How long the answer to a failed sign-in waits; twice as long after each further failure of "
              "that address or name." },
    { "auth.failure_delay_max_ms", CONFIG_NUMBER, CONFIG_MILLISECONDS, "15s", 0, 600000,
      .offset = FIELD(auth.failure_delay_max_ms),
      .help = "Where the doubling of auth.failure_delay_ms stops." },
    { "auth.failure_forget_s", CONFIG_NUMBER, CONFIG_SECONDS, "5m", 1, 86400,
      .offset = FIELD(auth.failure_forget_s),
      .help = "One failed sign-in is forgotten each time this passes." },
    { "auth.lock_failures", CONFIG_NUMBER, .standard = "20", .min = 0, .max = GUARD_NETWORK_FAILURES_MAX,
      .offset = FIELD(auth.lock_failures),
      .help = "So many failed sign-ins that are not forgotten lock an account for auth.lock_s, except to "
              "addresses from where it "
              "was signed in to in the last 90 days. 0: never." },
    { "auth.lock_s", CONFIG_NUMBER, CONFIG_SECONDS, "15m", 1, 604800, .offset = FIELD(auth.lock_s),
      .help = "How long an account stays locked after too many failed sign-ins. loft throttle clear ends it "
              "at once." },
    { "auth.network_failures", CONFIG_NUMBER, .standard = "60", .min = 0, .max = GUARD_NETWORK_FAILURES_MAX,
      .offset = FIELD(auth.network_failures),
      .help =
          "So many failed sign-ins from one /24 of IPv4 or /48 of IPv6 that are not forgotten, and all "
          "addresses in it get one "
          "attempt in auth.failure_delay_max_ms. 0: only single addresses and the /64 of IPv6 are counted." },
    { "auth.trusted_networks", CONFIG_STRING, .standard = "", .max = 16 * K,
      .offset = FIELD(auth.trusted_networks),
      .help = "Addresses and networks of which no failures are counted, such as that of a webmail server: "
              "192.0.2.7, "
              "2001:db8::/48. The accounts that are tried from there are locked all the same." },
    { "auth.known_good_count", CONFIG_NUMBER, .standard = "10000", .min = 0, .max = 10000000,
      .offset = FIELD(auth.known_good_count),
      .help = "Sign-ins whose password was right are remembered as keyed digests in memory, this many, to be "
              "fast the next time." },
    { "auth.known_good_s", CONFIG_NUMBER, CONFIG_SECONDS, "1h", 1, 604800, .offset = FIELD(auth.known_good_s),
      .help = "How long such a sign-in is remembered." },
    { "auth.hashes_at_once", CONFIG_NUMBER, .standard = "2", .min = 1, .max = 256,
      .offset = FIELD(auth.hashes_at_once),
      .help =
          "Password hashes computed at the same time. Each takes auth.hash_memory_bytes and one processor." },
    { "auth.hash_passes", CONFIG_NUMBER, .standard = "2", .min = 1, .max = 100,
      .offset = FIELD(auth.hash_passes),
      .help = "Passes of argon2id over its memory (RFC 9106) for new passwords. Existing ones keep theirs." },
    { "auth.hash_memory_bytes", CONFIG_NUMBER, CONFIG_BYTES, "64M", 8 * K, 4 * G,
      .offset = FIELD(auth.hash_memory_bytes), .help = "Memory of argon2id for new passwords." },
    { "auth.scram_iterations", CONFIG_NUMBER, .standard = "100000", .min = SCRAM_ITERATIONS_MIN,
      .max = SCRAM_ITERATIONS_MAX, .offset = FIELD(auth.scram_iterations),
      .help =
          "Iterations of SCRAM (RFC 7677) for new passwords, where auth.mechanisms names SCRAM. Users who "
          "have "
          "fewer, or who had their password before SCRAM was switched on, get them when they sign in with "
          "PLAIN or LOGIN; until then SCRAM refuses them. They protect passwords if the data is stolen, and "
          "each "
          "client computes them with each connection: 100000 took 27 ms. The advice for servers that hash "
          "themselves is 600000." },

    { "totp.with_password", CONFIG_BOOL, .standard = "no", .offset = FIELD(totp.with_password),
      .help = "Users with a second factor (loft user totp) may sign in with their password and the code of "
              "the moment, or a recovery code, directly behind it, in one line. Clients that keep a password "
              "cannot use that: for those there are app passwords, which open the account in any case." },
    { "totp.skew_steps", CONFIG_NUMBER, .standard = "1", .min = 0, .max = TOTP_SKEW_STEPS_MAX,
      .offset = FIELD(totp.skew_steps),
      .help = "Codes so many steps of 30 seconds before and after that of now are taken, for clocks that "
              "differ (RFC 6238, 5.2 advises one)." },
    { "totp.issuer", CONFIG_STRING, .standard = "Loft", .min = 1, .max = 64, .offset = FIELD(totp.issuer),
      .help = "Name under which authenticator programs show accounts of this server." },

    { "passwd_file.path", CONFIG_PATH, .standard = "", .max = PATH_BYTES_MAX,
      .offset = FIELD(passwd_file.path), .help = "The file. It is read again as soon as it has changed." },
    { "passwd_file.scheme", CONFIG_STRING, .standard = "CRYPT", .min = 1, .max = 40,
      .offset = FIELD(passwd_file.scheme),
      .help = "Scheme of passwords that do not begin with the name of one in braces." },
    { "passwd_file.domain", CONFIG_STRING, .standard = "", .max = 253, .offset = FIELD(passwd_file.domain),
      .help = "Domain of the names in the file that have none. Empty: these users are without a domain." },
    { "passwd_file.allow_weak", CONFIG_BOOL, .standard = "yes", .offset = FIELD(passwd_file.allow_weak),
      .help = "Let users in whose password the file keeps readable, or hashed so fast that a thief of the "
              "file guesses "
              "millions a second (SHA, SSHA, MD5, DES). To refuse them makes the file no safer, so this is "
              "yes; their "
              "number is logged. Say no once everybody has a better one." },
    { "passwd_file.scram", CONFIG_BOOL, .standard = "no", .offset = FIELD(passwd_file.scram),
      .help = "Take SCRAM from users of the file. Say yes only when all of them have a password with "
              "{SCRAM-SHA-256} or a plain one, "
              "and none allow_nets: clients choose SCRAM where it is offered, and the others would not come "
              "in." },

    { "ldap.uris", CONFIG_STRING, .standard = "", .max = CONFIG_VALUE_BYTES_MAX, .offset = FIELD(ldap.uris),
      .help = "Servers of the directory, with spaces between: ldaps://HOST, ldap://HOST, with a port where "
              "it is not 636 or 389; "
              "ldapi://PATH for a local socket. When one is down, the next is asked." },
    { "ldap.starttls", CONFIG_BOOL, .standard = "yes", .offset = FIELD(ldap.starttls),
      .help = "Encrypt ldap:// before anything is said. A server that does not offer it is not used." },
    { "ldap.ca_file", CONFIG_PATH, .standard = "/etc/ssl/certs/ca-certificates.crt", .min = 1,
      .max = PATH_BYTES_MAX, .offset = FIELD(ldap.ca_file),
      .help = "Certificates of those who may sign the servers' certificates, in PEM. They must be for the "
              "host of the URI." },
    { "ldap.allow_plaintext", CONFIG_BOOL, .standard = "no", .offset = FIELD(ldap.allow_plaintext),
      .help = "With ldap.starttls = no, send passwords without encryption to other machines than this one." },
    { "ldap.bind_dn", CONFIG_STRING, .standard = "", .max = 1000, .offset = FIELD(ldap.bind_dn),
      .help = "Who searches the directory. Empty: nobody in particular, if the directory allows that." },
    { "ldap.bind_password_file", CONFIG_PATH, .standard = "", .max = PATH_BYTES_MAX,
      .offset = FIELD(ldap.bind_password_file),
      .help = "File with the password of ldap.bind_dn, in one line. Read at start." },
    { "ldap.base", CONFIG_STRING, .standard = "", .max = 1000, .offset = FIELD(ldap.base),
      .help = "Entry below which users are searched." },
    { "ldap.user_filter", CONFIG_STRING, .standard = "(mail=%u)", .max = 2000,
      .offset = FIELD(ldap.user_filter),
      .help = "Finds the entry of a user: %u is the name as it was given, %n what is before its @, %d what "
              "is behind it, %% a percent sign. "
              "They are escaped. It must find one entry at most." },
    { "ldap.user_dn", CONFIG_STRING, .standard = "", .max = 1000, .offset = FIELD(ldap.user_dn),
      .help = "In place of a search: the entry itself, such as uid=%n,ou=people,dc=example,dc=org." },
    { "ldap.verify", CONFIG_WORD, .standard = "bind", .words = ldap_verify, .offset = FIELD(ldap.verify),
      .help = "bind lets the directory verify passwords. attribute reads ldap.password_attribute and "
              "verifies here, which takes the right to "
              "read it." },
    { "ldap.remember", CONFIG_BOOL, .standard = "yes", .offset = FIELD(ldap.remember),
      .help =
          "Remember passwords that were right, as auth.known_good_s says. Say no when the directory takes "
          "one-time codes in place of or behind passwords (slapo-otp, a proxy to RADIUS): one that was "
          "used would open again." },
    { "ldap.scram", CONFIG_BOOL, .standard = "no", .offset = FIELD(ldap.scram),
      .help = "With ldap.verify = attribute: take SCRAM from users of the directory. Say yes only when all "
              "of them have a password with "
              "{SCRAM-SHA-256} or a plain one: clients choose SCRAM where it is offered, and the others "
              "would not come in." },
    { "ldap.password_attribute", CONFIG_STRING, .standard = "userPassword", .min = 1, .max = 100,
      .offset = FIELD(ldap.password_attribute),
      .help = "Attribute with passwords for ldap.verify = attribute, with schemes as passwd-file has them. "
              "One without a scheme is the "
              "password itself." },
    { "ldap.name_attribute", CONFIG_STRING, .standard = "mail", .max = 100,
      .offset = FIELD(ldap.name_attribute),
      .help =
          "Attribute with the name of the account. An entry without it is no user here; one with several "
          "values is refused, because "
          "mail must not come and go between accounts. Empty: the account is named as the user signs in." },
    { "ldap.disabled", CONFIG_STRING, .standard = "", .max = 200, .offset = FIELD(ldap.disabled),
      .help = "Who may not sign in: ATTRIBUTE=VALUE, in any case of letters, or ATTRIBUTE&BITS for a number "
              "with any of these bits." },
    { "ldap.group_attribute", CONFIG_STRING, .standard = "", .max = 100,
      .offset = FIELD(ldap.group_attribute),
      .help = "Attribute of a user with the groups, by DN (of which the first value counts) or by name: "
              "memberOf, say. Rights in mailboxes "
              "that are given to group:NAME are then those of the directory's group." },
    { "ldap.group_filter", CONFIG_STRING, .standard = "", .max = 2000, .offset = FIELD(ldap.group_filter),
      .help = "Or a search for the groups of a user, with %D for the user's entry and the letters of "
              "ldap.user_filter: "
              "(&(objectClass=groupOfNames)(member=%D))." },
    { "ldap.group_base", CONFIG_STRING, .standard = "", .max = 1000, .offset = FIELD(ldap.group_base),
      .help = "Entry below which groups are searched. Empty: ldap.base." },
    { "ldap.group_name_attribute", CONFIG_STRING, .standard = "cn", .min = 1, .max = 100,
      .offset = FIELD(ldap.group_name_attribute), .help = "Attribute of a group with its name." },
    { "ldap.connections", CONFIG_NUMBER, .standard = "4", .min = 1, .max = 64,
      .offset = FIELD(ldap.connections), .help = "Connections to the directory, which are kept open." },
    { "ldap.timeout_ms", CONFIG_NUMBER, CONFIG_MILLISECONDS, "5s", 100, 60000,
      .offset = FIELD(ldap.timeout_ms),
      .help = "How long to wait for a connection, and for each answer. Then the directory counts as down: "
              "users are told so, and never that "
              "their password is wrong." },

    { "gssapi.keytab", CONFIG_PATH, .standard = "", .max = PATH_BYTES_MAX, .offset = FIELD(gssapi.keytab),
      .help = "Keytab with the key of imap/HOST; GSSAPI is offered when this is set. Users are those of "
              "auth.providers: Kerberos only proves who they are." },
    { "gssapi.host", CONFIG_STRING, .standard = "", .max = 253, .offset = FIELD(gssapi.host),
      .help = "The HOST in imap/HOST: the name by which clients connect. Empty: the name of this machine." },
    { "gssapi.realms", CONFIG_STRING, .standard = "", .max = 1000, .offset = FIELD(gssapi.realms),
      .help = "Realms whose principals are users, with spaces between: anna@EXAMPLE.ORG is the user "
              "anna@example.org." },

    { "pam.service", CONFIG_STRING, .standard = "loft", .min = 1, .max = 64, .offset = FIELD(pam.service),
      .help = "Name of the PAM service: a file in /etc/pam.d." },
    { "pam.folder", CONFIG_PATH, .standard = "", .max = PATH_BYTES_MAX, .offset = FIELD(pam.folder),
      .help = "Folder with that file, in place of /etc/pam.d." },
    { "pam.user", CONFIG_STRING, .standard = "", .max = 32, .offset = FIELD(pam.user),
      .help = "Who PAM's modules run as, when the server is started by root. Empty: as root, which pam_unix "
              "needs in order to read "
              "/etc/shadow. The server itself runs no module." },
    { "pam.group", CONFIG_STRING, .standard = "", .max = 32, .offset = FIELD(pam.group),
      .help = "The group with pam.user. Empty: that of the user." },
    { "pam.domain", CONFIG_STRING, .standard = "", .max = 253, .offset = FIELD(pam.domain),
      .help = "Taken off names before PAM is asked: with example.org, anna@example.org is PAM's anna. Users "
              "of a system have no "
              "domain; with auth.default_domain, give the same here. Empty: PAM is asked for whole names." },
    { "pam.timeout_ms", CONFIG_NUMBER, CONFIG_MILLISECONDS, "10s", 100, 120000,
      .offset = FIELD(pam.timeout_ms),
      .help = "A module that takes longer is killed. Then PAM counts as down: the user is told so, and not "
              "that the password is wrong." },
    { "pam.at_once", CONFIG_NUMBER, .standard = "4", .min = 1, .max = 64, .offset = FIELD(pam.at_once),
      .help = "Sign-ins that PAM thinks about at the same time; each is a process." },
    { "pam.remember", CONFIG_BOOL, .standard = "no", .offset = FIELD(pam.remember),
      .help = "Remember passwords that were right, as auth.known_good_s says. Say yes only when no module of "
              "the service takes one-time codes (pam_google_authenticator, pam_oath, RADIUS): one that was "
              "used would open again." },

    { "oauth.validation", CONFIG_WORD, .standard = "local", .words = oauth_validations,
      .offset = FIELD(oauth.validation),
      .help =
          "How tokens are checked: local takes JSON Web Tokens and checks them with the keys of the issuer; "
          "introspection asks the issuer about each token (RFC 7662), so that one that is revoked is refused "
          "at once; either does the first with JSON Web Tokens and the second with others." },
    { "oauth.issuer", CONFIG_STRING, .standard = "", .max = 1000, .offset = FIELD(oauth.issuer),
      .help = "Whose tokens are taken: the address that its tokens name as iss, to the letter, such as "
              "https://login.example.org/realms/staff." },
    { "oauth.audience", CONFIG_STRING, .standard = "", .max = CONFIG_VALUE_BYTES_MAX,
      .offset = FIELD(oauth.audience),
      .help = "For which service tokens must be (aud): one of these, with spaces between. Must be set where "
              "tokens are checked locally, or a token that another service was shown would open mail." },
    { "oauth.scope", CONFIG_STRING, .standard = "", .max = CONFIG_VALUE_BYTES_MAX,
      .offset = FIELD(oauth.scope),
      .help = "Scopes that a token must have, all of them (scope, or scp), with spaces between. Clients that "
              "were refused are told them. Empty for any." },
    { "oauth.user_claim", CONFIG_STRING, .standard = "email", .min = 1, .max = 255,
      .offset = FIELD(oauth.user_claim),
      .help = "Claim that names the user: email, preferred_username, upn, username, sub and so on; a path "
              "with dots for one inside of others. It must be one that users cannot change by themselves." },
    { "oauth.unverified_email", CONFIG_BOOL, .standard = "no", .offset = FIELD(oauth.unverified_email),
      .help = "With email as oauth.user_claim, take it also when email_verified is not true. Say yes only "
              "where the issuer lets nobody write an address into it." },
    { "oauth.groups_claim", CONFIG_STRING, .standard = "", .max = 255, .offset = FIELD(oauth.groups_claim),
      .help = "Claim with the names of the groups that the user is in, such as groups or realm_access.roles. "
              "They are all that the user is in from then on; a token without that claim changes nothing. "
              "Empty for none." },
    { "oauth.algorithms", CONFIG_STRING, .standard = "RS256 PS256 ES256 EdDSA Ed25519", .min = 1, .max = 255,
      .offset = FIELD(oauth.algorithms),
      .help = "Algorithms of signatures that are taken, with spaces between: RS, PS and ES, each with 256, "
              "384 and 512, EdDSA, Ed25519, Ed448." },
    { "oauth.access_tokens_only", CONFIG_BOOL, .standard = "no", .offset = FIELD(oauth.access_tokens_only),
      .help = "Take only JSON Web Tokens that say of themselves that they are access tokens (typ is at+jwt, "
              "RFC 9068). Say yes where the issuer makes such." },
    { "oauth.leeway_s", CONFIG_NUMBER, CONFIG_SECONDS, "30", 0, 600, .offset = FIELD(oauth.leeway_s),
      .help = "By how much the issuer's clock and ours may differ." },
    { "oauth.end_sessions", CONFIG_BOOL, .standard = "no", .offset = FIELD(oauth.end_sessions),
      .help = "End sessions when the token that opened them expires, so that their clients show a new one. "
              "Most clients stay connected for days; no lets them." },
    { "oauth.keys_file", CONFIG_PATH, .standard = "", .max = PATH_BYTES_MAX, .offset = FIELD(oauth.keys_file),
      .help = "File with the issuer's public keys: a JSON Web Key Set, or PEM with keys or certificates. It "
              "is read again like an address. Nobody is asked then." },
    { "oauth.keys_url", CONFIG_STRING, .standard = "", .max = 2000, .offset = FIELD(oauth.keys_url),
      .help = "Address of the issuer's JSON Web Key Set. Empty, and no file either: as the issuer's OpenID "
              "configuration says, which is looked for at /.well-known/openid-configuration below "
              "oauth.issuer." },
    { "oauth.keys_fresh_s", CONFIG_NUMBER, CONFIG_SECONDS, "1h", 1, 604800,
      .offset = FIELD(oauth.keys_fresh_s),
      .help = "Keys are fetched again after that time. A token with a key that is not known makes them be "
              "fetched earlier." },
    { "oauth.keys_stale_s", CONFIG_NUMBER, CONFIG_SECONDS, "1d", 0, 2592000,
      .offset = FIELD(oauth.keys_stale_s),
      .help = "While the issuer cannot be reached its keys are used for so long after that." },
    { "oauth.keys_retry_s", CONFIG_NUMBER, CONFIG_SECONDS, "10", 1, 3600, .offset = FIELD(oauth.keys_retry_s),
      .help = "Keys are not asked for more often, whatever keys tokens name." },
    { "oauth.introspection_url", CONFIG_STRING, .standard = "", .max = 2000,
      .offset = FIELD(oauth.introspection_url),
      .help = "Address that tells of a token whether it is active. Empty: as the issuer's OpenID "
              "configuration says." },
    { "oauth.client_id", CONFIG_STRING, .standard = "", .max = 255, .offset = FIELD(oauth.client_id),
      .help = "Who we are to the issuer when we ask it about tokens." },
    { "oauth.client_secret_file", CONFIG_PATH, .standard = "", .max = PATH_BYTES_MAX,
      .offset = FIELD(oauth.client_secret_file),
      .help =
          "File with the secret that belongs to oauth.client_id, and nothing else. It is read at start." },
    { "oauth.client_auth", CONFIG_WORD, .standard = "basic", .words = client_auths,
      .offset = FIELD(oauth.client_auth),
      .help = "How the issuer wants to be shown both: basic in a header (client_secret_basic), post in the "
              "request (client_secret_post)." },
    { "oauth.cache_s", CONFIG_NUMBER, CONFIG_SECONDS, "1m", 0, 86400, .offset = FIELD(oauth.cache_s),
      .help = "How long a token that the issuer called active is taken without asking again, at most as long "
              "as it lives. 0: it is asked each time." },
    { "oauth.cache_count", CONFIG_NUMBER, .standard = "10000", .min = 0, .max = 1000000,
      .offset = FIELD(oauth.cache_count), .help = "Tokens of which that is remembered, as keyed digests." },
    { "oauth.ca_file", CONFIG_PATH, .standard = "", .max = PATH_BYTES_MAX, .offset = FIELD(oauth.ca_file),
      .help = "PEM file with the certificates of those who may vouch for the issuer. Empty: those that the "
              "system trusts." },
    { "oauth.proxy", CONFIG_STRING, .standard = "", .max = 2000, .offset = FIELD(oauth.proxy),
      .help = "HTTP proxy by which the issuer is reached, such as http://proxy.example.org:3128. The "
              "environment does not count." },
    { "oauth.timeout_ms", CONFIG_NUMBER, CONFIG_MILLISECONDS, "5s", 100, 60000,
      .offset = FIELD(oauth.timeout_ms),
      .help =
          "How long the issuer may take to answer. Whoever signs in meanwhile is told to come back later." },
    { "oauth.requests_at_once", CONFIG_NUMBER, .standard = "8", .min = 1, .max = 256,
      .offset = FIELD(oauth.requests_at_once),
      .help = "Tokens that are checked at the same time, and so requests to the issuer." },
    { "oauth.plain_on_loopback", CONFIG_BOOL, .standard = "no", .offset = FIELD(oauth.plain_on_loopback),
      .help = "Let addresses of the issuer on this machine itself (127.0.0.1, localhost) begin with http." },

    { "limits.connections", CONFIG_NUMBER, .standard = "20000", .min = 1, .max = 10000000,
      .offset = FIELD(limits.connections), .help = "Connections of all clients together." },
    { "limits.connections_per_address", CONFIG_NUMBER, .standard = "200", .min = 1, .max = 1000000,
      .offset = FIELD(limits.connections_per_address),
      .help = "Connections from one address. Many people may share one behind a router." },
    { "limits.connections_per_account", CONFIG_NUMBER, .standard = "100", .min = 1, .max = 1000000,
      .offset = FIELD(limits.connections_per_account),
      .help = "Connections signed in to one account. Some clients open one for each mailbox." },
    { "limits.mailboxes_per_account", CONFIG_NUMBER, .standard = "10000", .min = 10, .max = 1000000,
      .offset = FIELD(limits.mailboxes_per_account), .help = "Mailboxes of one account." },
    { "limits.annotation_bytes", CONFIG_NUMBER, CONFIG_BYTES, "64K", 1 * K, 8 * M,
      .offset = FIELD(limits.annotation_bytes),
      .help =
          "Longest value of an annotation (METADATA, RFC 5464). It must fit into imap.max_literal_bytes." },
    { "limits.annotations_per_mailbox", CONFIG_NUMBER, .standard = "100", .min = 10, .max = 10000,
      .offset = FIELD(limits.annotations_per_mailbox),
      .help = "Annotations on one mailbox that are shared, and as many for each of its users; and on an "
              "account itself." },
    { "limits.account_annotation_bytes", CONFIG_NUMBER, CONFIG_BYTES, "64M", 64 * K, 1 * G,
      .offset = FIELD(limits.account_annotation_bytes),
      .help = "All annotations of one account, names and values." },

    { "limits.idle_account_bytes", CONFIG_NUMBER, CONFIG_BYTES, "256M", 1 * M, 1024 * G,
      .offset = FIELD(limits.idle_account_bytes),
      .help =
          "Memory for what was read of the mailboxes of accounts that nobody uses just now: flags, dates, "
          "sizes, some 60 bytes a message. It is read again when it is needed." },
    { "delivery.keywords", CONFIG_BOOL, .standard = "yes", .offset = FIELD(delivery.keywords),
      .help = "Give mail that arrives the keywords of RFC 9979 that a server can know: $hasattachment or "
              "$hasnoattachment, and $imported where it was imported." },

    { "mailboxes.drafts", CONFIG_STRING, .standard = "Drafts", .max = MAILBOX_NAME_BYTES_MAX,
      .offset = FIELD(mailboxes.drafts),
      .help = "Name of the mailbox for drafts. Empty, here and below: not made." },
    { "mailboxes.sent", CONFIG_STRING, .standard = "Sent", .max = MAILBOX_NAME_BYTES_MAX,
      .offset = FIELD(mailboxes.sent), .help = "Name of the mailbox for sent mail." },
    { "mailboxes.trash", CONFIG_STRING, .standard = "Trash", .max = MAILBOX_NAME_BYTES_MAX,
      .offset = FIELD(mailboxes.trash), .help = "Name of the mailbox for mail that is to be deleted." },
    { "mailboxes.junk", CONFIG_STRING, .standard = "Junk", .max = MAILBOX_NAME_BYTES_MAX,
      .offset = FIELD(mailboxes.junk), .help = "Name of the mailbox for unwanted mail." },
    { "mailboxes.archive", CONFIG_STRING, .standard = "Archive", .max = MAILBOX_NAME_BYTES_MAX,
      .offset = FIELD(mailboxes.archive), .help = "Name of the mailbox for archived mail." },

    { "sharing.across_domains", CONFIG_BOOL, .standard = "no", .offset = FIELD(sharing.across_domains),
      .help =
          "Users may grant rights on their mailboxes to users of other domains, and anyone means all users. "
          "With no, the domains of one server know nothing of each other." },

    { "quota.storage_bytes", CONFIG_NUMBER, CONFIG_BYTES, "0", 0, 1024 * 1024 * G,
      .offset = FIELD(quota.storage_bytes),
      .help = "Bytes of all messages of an account; 0 is no limit. *loft quota set* gives one user another "
              "limit." },
    { "quota.messages", CONFIG_NUMBER, .standard = "0", .min = 0, .max = 1000000000000,
      .offset = FIELD(quota.messages), .help = "Messages of an account; 0 is no limit." },
    { "quota.mailboxes", CONFIG_NUMBER, .standard = "0", .min = 0, .max = 1000000,
      .offset = FIELD(quota.mailboxes),
      .help = "Mailboxes of an account; 0 is no other limit than limits.mailboxes_per_account, which no "
              "user can be raised above." },
    { "quota.annotation_bytes", CONFIG_NUMBER, CONFIG_BYTES, "0", 0, 1024 * G,
      .offset = FIELD(quota.annotation_bytes),
      .help = "Bytes of all annotations (METADATA) of an account; 0 is no other limit than "
              "limits.account_annotation_bytes." },
    { "quota.grace_percent", CONFIG_NUMBER, .standard = "10", .min = 0, .max = 100,
      .offset = FIELD(quota.grace_percent),
      .help = "The last message that comes while the storage limit is not reached may pass it by this much, "
              "so that what is delivered is not refused for a few bytes. Clients are told. 0 takes nothing "
              "above the limit." },
    { "quota.warnings", CONFIG_STRING, .standard = "80, 95", .max = 100, .offset = FIELD(quota.warnings),
      .help = "When this much of the storage or messages limit is used, in percent, a message in INBOX tells "
              "the user and an event the log. Each level is told once, and again only after usage was five "
              "percent below it. Empty: nobody is told." },
    { "quota.over_reply", CONFIG_WORD, .standard = "452", .words = over_replies,
      .offset = FIELD(quota.over_reply),
      .help = "How LMTP answers for an account that is full: 452 makes the sender's server try again for "
              "some days, 552 returns the message at once." },
    { "quota.administrators", CONFIG_STRING, .standard = "", .max = CONFIG_VALUE_BYTES_MAX,
      .offset = FIELD(quota.administrators),
      .help = "Users who may see and set all quota over IMAP (SETQUOTA), with commas between. Nobody else "
              "may, not even for the own account." },
    { "quota.domain_storage_bytes", CONFIG_NUMBER, CONFIG_BYTES, "0", 0, 1024 * 1024 * G,
      .offset = FIELD(quota.domain_storage_bytes),
      .help = "Bytes of all messages of all accounts of one domain; 0 is no limit." },
    { "quota.domain_messages", CONFIG_NUMBER, .standard = "0", .min = 0, .max = 1000000000000,
      .offset = FIELD(quota.domain_messages),
      .help = "Messages of all accounts of one domain; 0 is no limit." },
    { "quota.domains", CONFIG_STRING, .standard = "", .max = CONFIG_VALUE_BYTES_MAX,
      .offset = FIELD(quota.domains),
      .help = "Domains with a storage limit of their own instead of those two, such as \"example.org=100G, "
              "example.com=none\"." },

    { "index.enabled", CONFIG_BOOL, .standard = "yes", .offset = FIELD(index.enabled),
      .help = "Keep an index of the words in all mail. Without, searches for texts read every message; they "
              "find the "
              "same." },
    { "index.cpu_percent", CONFIG_NUMBER, .standard = "25", .min = 1, .max = 100,
      .offset = FIELD(index.cpu_percent),
      .help = "How much of one processor may go into indexing in the background." },
    { "index.delay_s", CONFIG_NUMBER, CONFIG_SECONDS, "5m", 1, 86400, .offset = FIELD(index.delay_s),
      .help =
          "A few new messages of an account wait so long for more, since each time costs a write. When many "
          "have come, or somebody searched for a text, they are indexed at once. Searches scan those that "
          "wait." },
    { "index.memory_bytes", CONFIG_NUMBER, CONFIG_BYTES, "128M", 8 * M, 64 * G,
      .offset = FIELD(index.memory_bytes),
      .help =
          "Memory that indexing may take. Messages of more than half of it are not indexed; searches scan "
          "them." },
    { "index.cache_bytes", CONFIG_NUMBER, CONFIG_BYTES, "64M", 1 * M, 1024 * G,
      .offset = FIELD(index.cache_bytes),
      .help = "Memory for those parts of indexes that searches need again." },

    { "index.extractor", CONFIG_PATH, .standard = "", .max = PATH_BYTES_MAX, .offset = FIELD(index.extractor),
      .help =
          "Program that makes text of attachments (PDF, office documents), so that searches find what "
          "they say. It reads one "
          "from standard input and writes text in UTF-8; CONTENT_TYPE and FILE_NAME in its environment "
          "say what it is. It runs "
          "without network and with limits on time, memory and output; where the kernel has Landlock, it "
          "sees "
          "only /usr, /opt, itself, some of /etc, /proc and temporary files, and writes only those. What it "
          "said is kept: a message "
          "is found by it from "
          "the time it is indexed; *loft index rebuild* does that for older ones, and asks again for what it "
          "failed with (its exit status was not 0, it took more than 30 seconds, or it could not be "
          "started). Empty: none." },

    { "store.cache_bytes", CONFIG_NUMBER, CONFIG_BYTES, "64M", 1 * M, 1024 * G,
      .offset = FIELD(store.cache_bytes), .help = "Memory for what was read of state and meta." },
    { "store.segment_bytes", CONFIG_NUMBER, CONFIG_BYTES, "256M", 1 * M, 2 * G,
      .offset = FIELD(store.segment_bytes), .help = "Size of the files that hold message bytes." },
    { "store.watermark_bytes", CONFIG_NUMBER, CONFIG_BYTES, "512M", 0, 1024 * G,
      .offset = FIELD(store.watermark_bytes),
      .help = "With less free disk space no mail is taken any more; deleting still works." },
    { "store.ballast_bytes", CONFIG_NUMBER, CONFIG_BYTES, "64M", 0, 1024 * G,
      .offset = FIELD(store.ballast_bytes),
      .help = "Size of a file that only holds space to be freed when the disk is full after all." },
    { "store.collect_below_percent", CONFIG_NUMBER, .standard = "50", .min = 1, .max = 99,
      .offset = FIELD(store.collect_below_percent),
      .help = "A segment is rewritten once less than this share of it is still in use." },
    { "store.collect_bytes_per_s", CONFIG_NUMBER, CONFIG_BYTES, "16M", 64 * K, 16 * G,
      .offset = FIELD(store.collect_bytes_per_s), .help = "How fast such rewriting may go." },
    { "store.compression", CONFIG_WORD, .standard = "lz4", .words = compressions,
      .offset = FIELD(store.compression),
      .help = "How message bytes are compressed: lz4 is fast, zstd takes a quarter less space, none stores "
              "them as they are. Holds for mail that arrives from now on." },
};
const size_t config_setting_count = ARRAY_COUNT(config_settings);

const struct config_setting *config_setting_find(struct str name)
{
    for (size_t i = 0; i < config_setting_count; i++)
        if (str_eq(name, str_c(config_settings[i].name)))
            return &config_settings[i];
    return NULL;
}

/* Somebody may know the key and not its section: "listenn" is as near to "imap.listen" as the key alone
 * is. */
static size_t name_distance(struct str given, const char *name)
{
    struct str key, whole = str_c(name);
    str_cut(whole, '.', &key);
    size_t distance = str_edit_distance(given, whole) * 2;
    if (str_find_char(given, '.') >= 0)
        return distance;
    size_t by_key = str_edit_distance(given, key) * 2 + 1;
    return by_key < distance ? by_key : distance;
}

const struct config_setting *config_setting_nearest(struct str name)
{
    const struct config_setting *nearest = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < config_setting_count; i++) {
        size_t distance = name_distance(name, config_settings[i].name);
        if (distance < least) {
            least = distance;
            nearest = &config_settings[i];
        }
    }
    return nearest;
}
