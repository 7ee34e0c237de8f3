#include "auth/ldap/ldap_person.h"

static char *filled(enum ldap_template_kind kind, const char *text, const struct ldap_names *names,
                    struct arena *arena)
{
    struct buf out = BUF_INIT;
    ldap_template_fill(kind, str_c(text), names, &out);
    char *copy = arena_c(arena, buf_str(&out));
    buf_deinit(&out);
    return copy;
}

char *ldap_person_dn(const struct ldap_reader *reader, struct str name, struct arena *arena)
{
    return filled(LDAP_DN, reader->params->user_dn, &(struct ldap_names){ name, STR("") }, arena);
}

static struct str as_str(const struct berval *value)
{
    return str_make(value->bv_val, value->bv_len);
}

/* Each value of one attribute. */
typedef int value_fn(const struct ldap_reader *reader, struct ldap_person *person, struct str value,
                     struct err *err);

static int each_value(const struct ldap_reader *reader, struct ldap_link *link, LDAPMessage *entry,
                      const char *attribute, value_fn *fn, struct ldap_person *person, struct err *err)
{
    if (!*attribute)
        return 0;
    struct berval **values = ldap_get_values_len(ldap_link_handle(link), entry, attribute);
    int r = 0;
    for (size_t i = 0; r == 0 && values && values[i]; i++)
        r = fn(reader, person, as_str(values[i]), err);
    ldap_value_free_len(values);
    return r;
}

static int take_name(const struct ldap_reader *reader, struct ldap_person *person, struct str value,
                     struct err *err)
{
    if (person->name)
        return err_set(
            err, ERR_UNAVAILABLE,
            "the entry has more than one %s: set ldap.name_attribute to one that names the account",
            reader->params->name_attribute);
    if (value.n == 0 || value.n > USER_NAME_BYTES_MAX || str_find_char(value, '\0') >= 0)
        return err_set(err, ERR_UNAVAILABLE, "the entry's %s can be no name of an account",
                       reader->params->name_attribute);
    person->name = arena_c(person->arena, value);
    return 0;
}

static int take_disabled(const struct ldap_reader *reader, struct ldap_person *person, struct str value,
                         struct err *err)
{
    (void)err;
    person->disabled |= ldap_rule_holds(&reader->disabled, value);
    return 0;
}

static int take_password(const struct ldap_reader *reader, struct ldap_person *person, struct str value,
                         struct err *err)
{
    (void)reader;
    (void)err;
    if (person->password_count < LDAP_PASSWORDS_MAX)
        person->passwords[person->password_count++] = arena_dup(person->arena, value);
    return 0;
}

/* A name that can be none of ours ("Domain Users") is left out: no rights can have been given to it. */
static int take_group(const struct ldap_reader *reader, struct ldap_person *person, struct str value,
                      struct err *err)
{
    char normal[USER_NAME_BYTES_MAX + 1];
    struct buf first = BUF_INIT;
    (void)reader;
    (void)err;
    bool is_dn = ldap_first_value(value, &first, NULL) == 0;
    if (users_normalise_name(is_dn ? buf_str(&first) : value, normal, NULL) == 0) {
        if (person->group_count++ < PROVIDER_GROUPS_MAX)
            buf_add_bytes(&person->groups, normal, strlen(normal) + 1);
        else
            person->groups_known = false; /* not the whole truth: nothing ends by it */
    }
    buf_deinit(&first);
    return 0;
}

static int read_entry(const struct ldap_reader *reader, struct ldap_link *link, LDAPMessage *entry,
                      struct ldap_person *person, struct err *err)
{
    const struct provider_ldap_params *p = reader->params;
    char *dn = ldap_get_dn(ldap_link_handle(link), entry);
    if (!dn || !*dn) {
        ldap_memfree(dn);
        return err_set(err, ERR_UNAVAILABLE, "the directory sent an entry without a name");
    }
    person->dn = arena_c(person->arena, str_c(dn));
    ldap_memfree(dn);
    person->groups_known = *p->group_attribute || *p->group_filter;
    struct buf disabled = BUF_INIT;
    buf_add(&disabled, reader->disabled.attribute);
    int r = each_value(reader, link, entry, p->name_attribute, take_name, person, err);
    if (r == 0)
        r = each_value(reader, link, entry, buf_c(&disabled), take_disabled, person, err);
    if (r == 0 && p->by_attribute)
        r = each_value(reader, link, entry, p->password_attribute, take_password, person, err);
    if (r == 0)
        r = each_value(reader, link, entry, p->group_attribute, take_group, person, err);
    if (r == 0 && *p->name_attribute && !person->name)
        r = err_set(err, ERR_NOT_FOUND, "the entry has no %s: it is no user of mail", p->name_attribute);
    buf_deinit(&disabled);
    return r;
}

/* What is asked of an entry, and nothing more. */
static void wanted_attributes(const struct ldap_reader *reader, struct arena *arena, const char **out)
{
    const struct provider_ldap_params *p = reader->params;
    const char *all[] = { p->name_attribute, arena_c(arena, reader->disabled.attribute), p->group_attribute,
                          p->by_attribute ? p->password_attribute : "" };
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_COUNT(all); i++)
        if (*all[i])
            out[n++] = all[i];
    if (n == 0)
        out[n++] = LDAP_NO_ATTRS;
    out[n] = NULL;
}

int ldap_person_read(const struct ldap_reader *reader, struct ldap_link *link, struct str name,
                     enum ldap_as as, struct ldap_person *person, struct err *err)
{
    const struct provider_ldap_params *p = reader->params;
    const struct ldap_names names = { name, STR("") };
    const char *attributes[5];
    LDAPMessage *result = NULL;
    struct ldap_query query = {
        .base = p->base, .scope = LDAP_SCOPE_SUBTREE, .attributes = attributes, .entries_max = 1, .as = as
    };
    wanted_attributes(reader, person->arena, attributes);
    if (*p->user_dn) {
        query.base = ldap_person_dn(reader, name, person->arena);
        query.scope = LDAP_SCOPE_BASE;
        query.filter = "(objectClass=*)";
    } else {
        query.filter = filled(LDAP_FILTER, p->user_filter, &names, person->arena);
    }
    int r = ldap_link_search(link, &query, &result, err);
    if (r == -ERR_LIMIT)
        r = err_set(err, ERR_UNAVAILABLE, "more than one entry has that name: see ldap.user_filter");
    else if (r == -ERR_NOT_FOUND && !*p->user_dn)
        r = err_set(err, ERR_UNAVAILABLE, "ldap.base does not exist, or may not be seen");
    LDAPMessage *entry = r == 0 ? ldap_first_entry(ldap_link_handle(link), result) : NULL;
    if (r == 0)
        r = entry ? read_entry(reader, link, entry, person, err)
                  : err_set(err, ERR_NOT_FOUND, "the directory has no such user");
    ldap_msgfree(result);
    return r;
}

int ldap_person_read_groups(const struct ldap_reader *reader, struct ldap_link *link, struct str name,
                            enum ldap_as as, struct ldap_person *person, struct err *err)
{
    const struct provider_ldap_params *p = reader->params;
    const struct ldap_names names = { name, str_c(person->dn) };
    const char *attributes[] = { p->group_name_attribute, NULL };
    LDAPMessage *result = NULL;
    if (!*p->group_filter)
        return 0;
    const struct ldap_query query = { .base = *p->group_base ? p->group_base : p->base,
                                      .scope = LDAP_SCOPE_SUBTREE,
                                      .filter = filled(LDAP_GROUP_FILTER, p->group_filter, &names,
                                                       person->arena),
                                      .attributes = attributes,
                                      .entries_max = LDAP_ENTRIES_MAX,
                                      .as = as };
    int r = ldap_link_search(link, &query, &result, err);
    if (r == -ERR_LIMIT) {
        person->groups_known = false;
        r = 0;
    } else if (r == -ERR_NOT_FOUND) {
        r = err_set(err, ERR_UNAVAILABLE, "ldap.group_base does not exist, or may not be seen");
    }
    for (LDAPMessage *entry = r == 0 ? ldap_first_entry(ldap_link_handle(link), result) : NULL;
         r == 0 && entry; entry = ldap_next_entry(ldap_link_handle(link), entry))
        r = each_value(reader, link, entry, p->group_name_attribute, take_group, person, err);
    ldap_msgfree(result);
    return r;
}
