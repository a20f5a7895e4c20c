/* Parts of a date as written: 2024-02-29, 2024-02-29T23:59:60.5+01:00, with a space or nothing
 * else in the place of T. */
#include "value/value.h"

struct date {
    unsigned year, month, day;
    unsigned hour, minute;
    bool has_time;
};

/* Exactly `count` digits. */
static bool take_digits(span *text, size_t count, unsigned *ret)
{
    span digits;
    *ret = 0;
    if (!span_take(text, count, &digits))
        return false;
    for (size_t at = 0; at < count; at++) {
        if (digits.data[at] < '0' || digits.data[at] > '9')
            return false;
        *ret = *ret * 10 + (digits.data[at] - '0');
    }
    return true;
}

static bool take_one_of(span *text, const char *bytes)
{
    if (text->len == 0 || text->data[0] == 0 || !strchr(bytes, text->data[0]))
        return false;
    *text = span_after(*text, 1);
    return true;
}

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Nothing, Z, +hh, +hhmm or +hh:mm. */
static bool take_zone(span *text)
{
    unsigned hours;
    unsigned minutes = 0;
    if (text->len == 0 || take_one_of(text, "Zz"))
        return true;
    if (!take_one_of(text, "+-") || !take_digits(text, 2, &hours) || hours > 23)
        return false;
    bool has_colon = take_one_of(text, ":");
    if (has_colon || text->len)
        return take_digits(text, 2, &minutes) && minutes < 60;
    return true;
}

static bool take_time(span *text, struct date *date)
{
    unsigned second;
    unsigned digit;
    if (!take_digits(text, 2, &date->hour) || !take_one_of(text, ":") ||
        !take_digits(text, 2, &date->minute) || date->hour > 23 || date->minute > 59)
        return false;
    if (take_one_of(text, ":")) {
        if (!take_digits(text, 2, &second) || second > 60)
            return false;
        if (take_one_of(text, ".,")) {
            if (!take_digits(text, 1, &digit))
                return false;
            while (text->len && text->data[0] >= '0' && text->data[0] <= '9')
                *text = span_after(*text, 1);
        }
    }
    return take_zone(text);
}

static bool date_parse(span text, struct date *ret)
{
    *ret = (struct date){0};
    if (!take_digits(&text, 4, &ret->year) || !take_one_of(&text, "-") ||
        !take_digits(&text, 2, &ret->month) || !take_one_of(&text, "-") ||
        !take_digits(&text, 2, &ret->day) || ret->month < 1 || ret->month > 12 || ret->day < 1 ||
        ret->day > days_in(ret->year, ret->month))
        return false;
    if (text.len == 0)
        return true;
    ret->has_time = take_one_of(&text, "Tt ");
    return ret->has_time && take_time(&text, ret) && text.len == 0;
}

/* 1 is Monday, of the proleptic Gregorian calendar. */
static unsigned weekday(unsigned year, unsigned month, unsigned day)
{
    static const uint8_t offsets[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
    year += 400; /* the calendar repeats; year 0 needs one before it */
    year -= month < 3;
    unsigned from_sunday =
        (year + year / 4 - year / 100 + year / 400 + offsets[month - 1] + day) % 7;
    return from_sunday ? from_sunday : 7;
}

static unsigned weeks_in(unsigned year)
{
    unsigned first = weekday(year, 1, 1);
    return first == 4 || (first == 3 && is_leap(year)) ? 53 : 52;
}

static unsigned week_of(const struct date *date)
{
    unsigned day_of_year = date->day;
    for (unsigned month = 1; month < date->month; month++)
        day_of_year += days_in(date->year, month);
    unsigned week = (day_of_year + 10 - weekday(date->year, date->month, date->day)) / 7;
    if (week == 0)
        return weeks_in(date->year ? date->year - 1 : 399);
    return week > weeks_in(date->year) ? 1 : week;
}

bool date_part_of(span text, enum date_part part, int64_t *ret)
{
    struct date date;
    if (!date_parse(text, &date))
        return false;
    switch (part) {
    case DATE_MINUTE:
        *ret = date.minute;
        return date.has_time;
    case DATE_HOUR:
        *ret = date.hour;
        return date.has_time;
    case DATE_DAY:
        *ret = date.day;
        return true;
    case DATE_WEEK:
        *ret = week_of(&date);
        return true;
    case DATE_MONTH:
        *ret = date.month;
        return true;
    case DATE_YEAR:
        *ret = date.year;
        return true;
    }
    return false;
}
