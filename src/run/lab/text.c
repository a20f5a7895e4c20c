#include "lab/text.h"

#include <stdarg.h>
#include <stdio.h>

char *lab_text(const char *format, ...)
{
    char *text = NULL;
    va_list list;
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0)
        text = NULL;
    va_end(list);
    return text;
}
