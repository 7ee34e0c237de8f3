/* html.h: what a person reads in HTML, in pieces.     Threads: none. */
#ifndef LOFT_MIME_HTML_H
#define LOFT_MIME_HTML_H

#include "base/buf.h"

struct html_stripper { /* starts zeroed */
    uint8_t state;
    uint8_t name_n, skip_n;
    bool is_end_tag, after_equals;
    bool spaced;   /* the last byte told was white space */
    bool any;      /* something was told */
    char quote;    /* inside a quoted attribute */
    char name[12]; /* of the tag or the entity being read; longer names are cut */
    char skip[12]; /* <script>, <style> ...: passed over until its end tag */
};

/* Append the text between the tags: UTF-8 in, UTF-8 out. White space is squeezed to one space, block elements
 * are set apart by one, entities are resolved, comments, scripts and styles left out. The input may be cut
 * anywhere; `last` tells its end. */
void html_strip(struct html_stripper *h, struct str in, bool last, struct buf *out);

#endif
