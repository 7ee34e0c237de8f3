/* Dates as the grammar spells them: parser.h. */
#include "imap/wire/parser.h"

const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

/* Both by counting years from March, so that the leap day is the last of its year; an era is 400 years,
 * 146097 days. */
int64_t days_from_civil(int year, unsigned month, unsigned day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

void civil_from_days(int64_t days, int *year_out, unsigned *month_out, unsigned *day_out)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* from March */
    *day_out = (unsigned)(day_of_year - (153 * month + 2) / 5 + 1);
    *month_out = (unsigned)(month < 10 ? month + 3 : month - 9);
    *year_out = (int)(year_of_era + era * 400 + (*month_out <= 2));
}

/* From `min_digits` to `max_digits` digits: a fixed width when both are the same. */
static bool parse_fixed(struct parser *p, unsigned min_digits, unsigned max_digits, unsigned max,
                        unsigned *out)
{
    unsigned value = 0, digits = 0;
    while (digits < max_digits && parser_peek(p) >= '0' && parser_peek(p) <= '9') {
        value = value * 10 + (unsigned)(parser_peek(p) - '0');
        p->at++;
        digits++;
    }
    if (digits < min_digits || value > max)
        return parser_fail(p, "a date");
    *out = value;
    return true;
}

static bool parse_month(struct parser *p, unsigned *month_out)
{
    struct str text = str_sub(p->in, p->at, 3);
    for (unsigned i = 0; i < 12; i++) {
        if (str_eq_nocase(text, str_make(month_names[i], 3))) {
            p->at += 3;
            *month_out = i + 1;
            return true;
        }
    }
    return parser_fail(p, "a month, Jan to Dec");
}

static unsigned month_length(unsigned year, unsigned month)
{
    static const unsigned lengths[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return lengths[month - 1] + (month == 2 && leap);
}

/* date-day "-" date-month "-" date-year */
static bool parse_date_text(struct parser *p, int64_t *days_out)
{
    unsigned day, month, year;
    size_t from = p->at;
    if (!parse_fixed(p, 1, 2, 31, &day) || !parse_char(p, '-', "a date") || !parse_month(p, &month) ||
        !parse_char(p, '-', "a date") || !parse_fixed(p, 4, 4, 9999, &year))
        return false;
    if (day == 0 || day > month_length(year, month)) {
        p->at = from;
        return parser_fail(p, "a day that its month has");
    }
    *days_out = days_from_civil((int)year, month, day);
    return true;
}

bool parse_date(struct parser *p, int32_t *day_out)
{
    int64_t days;
    bool quoted = try_char(p, '"');
    if (!parse_date_text(p, &days) || (quoted && !parse_char(p, '"', "a closing quote")))
        return false;
    *day_out = (int32_t)days;
    return true;
}

/* 2DIGIT ":" 2DIGIT ":" 2DIGIT; second 60 is a leap second */
static bool parse_time(struct parser *p, int64_t *seconds_out)
{
    unsigned hour, minute, second;
    if (!parse_fixed(p, 2, 2, 23, &hour) || !parse_char(p, ':', "a time") ||
        !parse_fixed(p, 2, 2, 59, &minute) || !parse_char(p, ':', "a time") ||
        !parse_fixed(p, 2, 2, 60, &second))
        return false;
    *seconds_out = (int64_t)hour * 3600 + minute * 60 + second;
    return true;
}

static bool parse_zone(struct parser *p, int16_t *minutes_out)
{
    unsigned hours, minutes;
    bool west = try_char(p, '-');
    if (!west && !parse_char(p, '+', "a time zone"))
        return false;
    if (!parse_fixed(p, 2, 2, 23, &hours) || !parse_fixed(p, 2, 2, 59, &minutes))
        return false;
    int zone = (int)(hours * 60 + minutes);
    *minutes_out = (int16_t)(west ? -zone : zone);
    return true;
}

bool parse_date_time(struct parser *p, struct date_time *out)
{
    int64_t days, seconds;
    int16_t zone;
    if (!parse_char(p, '"', "a date and time in quotes"))
        return false;
    try_char(p, ' '); /* date-day-fixed */
    if (!parse_date_text(p, &days) || !parse_sp(p) || !parse_time(p, &seconds) || !parse_sp(p) ||
        !parse_zone(p, &zone) || !parse_char(p, '"', "a closing quote"))
        return false;
    *out = (struct date_time){ .unix_s = days * 86400 + seconds - (int64_t)zone * 60, .zone_min = zone };
    return true;
}
