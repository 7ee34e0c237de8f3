#include "store/store.h"

#include "base/codec.h"
