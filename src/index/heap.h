/* heap.h: which tokens look as if nobody will ever send them again.     Threads: none needed. */
#ifndef LOFT_INDEX_HEAP_H
#define LOFT_INDEX_HEAP_H

#include "base/str.h"

/* Ids, hashes and pieces of base64: long, or letters and digits mixed. A guess: right or wrong, the token is found. */
bool index_heap_takes(struct str token);

#endif
