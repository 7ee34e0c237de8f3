#include "mime/date.h"

enum { DATE_BYTES_MAX = 256 }; /* of the field that are looked at */

struct scan {
    const char *p, *end;
    int year, month, day; /* 0: not seen yet */
    int second_of_day;    /* -1: not seen yet */
    int zone_minutes;
    bool has_zone, is_pm, is_am;
};

static const char months[12][4] = { "jan", "feb", "mar", "apr", "may", "jun",
                                    "jul", "aug", "sep", "oct", "nov", "dec" };

/* RFC 5322, 4.3: all others, single letters too, mean that the zone is not known. */
static const struct {
    struct str name;
    int minutes;
} zones[] = {
    { STR_INIT("UT"), 0 },        { STR_INIT("GMT"), 0 },       { STR_INIT("UTC"), 0 },
    { STR_INIT("Z"), 0 },         { STR_INIT("EST"), -5 * 60 }, { STR_INIT("EDT"), -4 * 60 },
    { STR_INIT("CST"), -6 * 60 }, { STR_INIT("CDT"), -5 * 60 }, { STR_INIT("MST"), -7 * 60 },
    { STR_INIT("MDT"), -6 * 60 }, { STR_INIT("PST"), -8 * 60 }, { STR_INIT("PDT"), -7 * 60 },
    { STR_INIT("CET"), 60 },      { STR_INIT("CEST"), 120 },    { STR_INIT("MET"), 60 },
    { STR_INIT("MEST"), 120 },    { STR_INIT("BST"), 60 },      { STR_INIT("WET"), 0 },
    { STR_INIT("EET"), 120 },     { STR_INIT("EEST"), 180 },    { STR_INIT("JST"), 9 * 60 },
};

static bool is_alpha(char c)
{
    return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

static void skip_comment(struct scan *s)
{
    size_t depth = 0;
    for (; s->p < s->end; s->p++) {
        if (*s->p == '(') {
            depth++;
        } else if (*s->p == ')' && --depth == 0) {
            s->p++;
            return;
        }
    }
}

/* At most 9 digits are read as a number; `digits_out` says how many there are. */
static int scan_number(struct scan *s, int *digits_out)
{
    int value = 0, digits = 0;
    for (; s->p < s->end && ascii_is_digit(*s->p); s->p++, digits++)
        if (digits < 9)
            value = value * 10 + (*s->p - '0');
    *digits_out = digits;
    return value;
}

static void scan_word(struct scan *s)
{
    const char *from = s->p;
    while (s->p < s->end && is_alpha(*s->p))
        s->p++;
    struct str word = str_make(from, (size_t)(s->p - from));
    if (word.n >= 3 && s->month == 0) {
        for (int m = 0; m < 12; m++)
            if (str_eq_nocase(str_sub(word, 0, 3), str_c(months[m]))) {
                s->month = m + 1;
                return;
            }
    }
    if (s->second_of_day < 0)
        return; /* the day's name, ISO's "T" */
    if (str_eq_nocase(word, STR("PM")))
        s->is_pm = true;
    else if (str_eq_nocase(word, STR("AM")))
        s->is_am = true;
    for (size_t i = 0; i < ARRAY_COUNT(zones) && !s->has_zone; i++)
        if (str_eq_nocase(word, zones[i].name)) {
            s->has_zone = true;
            s->zone_minutes = zones[i].minutes;
        }
}

/* zone = ("+" / "-") 4DIGIT; also "+02:00", "+02"     A wrong one counts as UTC: RFC 5256, 2.2. */
static void scan_zone(struct scan *s)
{
    int sign = *s->p++ == '-' ? -1 : 1, digits, more;
    int n = scan_number(s, &digits);
    if (digits <= 2 && s->p + 1 < s->end && *s->p == ':' && ascii_is_digit(s->p[1])) {
        s->p++;
        n = n * 100 + scan_number(s, &more);
    } else if (digits <= 2) {
        n *= 100;
    }
    s->has_zone = true;
    s->zone_minutes = digits <= 4 && n / 100 <= 23 && n % 100 <= 59 ? sign * (n / 100 * 60 + n % 100) : 0;
}

/* time-of-day = hour ":" minute [ ":" second ]; a wrong one counts as midnight. The hour is read already. */
static void scan_time(struct scan *s, int hour)
{
    int minute, second = 0, digits;
    s->p++;
    minute = scan_number(s, &digits);
    if (digits == 0)
        minute = 60;
    if (s->p + 1 < s->end && *s->p == ':' && ascii_is_digit(s->p[1])) {
        s->p++;
        second = scan_number(s, &digits);
        if (s->p + 1 < s->end && *s->p == '.' && ascii_is_digit(s->p[1])) {
            s->p++;
            scan_number(s, &digits);
        }
    }
    bool right = hour <= 23 && minute <= 59 && second <= 60; /* 60: a leap second */
    s->second_of_day = right ? hour * 3600 + minute * 60 + second : 0;
}

/* RFC 5322, 4.3: 00-49 are 2000-2049, 50-99 and three digits count from 1900. */
static int full_year(int n, int digits)
{
    if (digits <= 2)
        return n < 50 ? n + 2000 : n + 1900;
    return digits == 3 ? n + 1900 : n;
}

static void scan_digits(struct scan *s)
{
    int digits, n = scan_number(s, &digits);
    bool more = s->p + 1 < s->end;

    if (more && *s->p == ':' && s->second_of_day < 0) {
        scan_time(s, n);
    } else if (digits == 4 && more && *s->p == '-' && ascii_is_digit(s->p[1]) && s->month == 0 &&
               s->year == 0) {
        s->year = n; /* ISO: year-month-day */
        s->p++;
        s->month = scan_number(s, &digits);
        if (s->p + 1 < s->end && *s->p == '-' && ascii_is_digit(s->p[1])) {
            s->p++;
            s->day = scan_number(s, &digits);
        }
    } else if (s->day == 0 && digits <= 2) {
        s->day = n;
    } else if (s->year == 0 && digits >= 2) {
        s->year = full_year(n, digits);
    }
}

static bool day_exists(int year, int month, int day)
{
    static const char days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (month == 2 && leap);
}

int64_t date_days_to_s(int64_t year, int month, int day)
{
    /* Days of a year that begins in March, so that the leap day is the last. */
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (era * 146097 + day_of_era - 719468) * 86400;
}

static int twelve_hour_clock(const struct scan *s, int second_of_day)
{
    int hour = second_of_day / 3600;
    if (s->is_pm && hour < 12)
        return second_of_day + 12 * 3600;
    if (s->is_am && hour == 12)
        return second_of_day - 12 * 3600;
    return second_of_day;
}

int date_parse_field(struct str raw, struct mail_date *date_out, struct err *err)
{
    raw = str_sub(str_trim(raw), 0, DATE_BYTES_MAX);
    struct scan s = { .p = raw.p, .end = str_end(raw), .second_of_day = -1 };

    while (s.p < s.end) {
        if (*s.p == '(')
            skip_comment(&s);
        else if (is_alpha(*s.p))
            scan_word(&s);
        else if (ascii_is_digit(*s.p))
            scan_digits(&s);
        else if ((*s.p == '+' || *s.p == '-') && s.second_of_day >= 0 && !s.has_zone && s.p + 1 < s.end &&
                 ascii_is_digit(s.p[1]))
            scan_zone(&s);
        else
            s.p++;
    }
    if (!day_exists(s.year, s.month, s.day))
        return err_set(err, ERR_SYNTAX, "no valid day, month and year in the Date field");
    int seconds = s.second_of_day < 0 ? 0 : twelve_hour_clock(&s, s.second_of_day);
    date_out->zone_minutes = s.zone_minutes;
    date_out->utc_s = date_days_to_s(s.year, s.month, s.day) + seconds - s.zone_minutes * 60;
    return 0;
}
