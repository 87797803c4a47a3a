/* How the C tests check: the first failure names its line and ends the program. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "omendb/omendb.h"

#define CHECK(condition)                                                               \
  do {                                                                                 \
    if (!(condition)) {                                                                \
      fprintf(stderr, "%s:%d: %s\n  last error: %s\n", __FILE__, __LINE__, #condition, \
              omendb_last_error());                                                    \
      exit(1);                                                                         \
    }                                                                                  \
  } while (0)
#define OK(call) CHECK((call) == OMENDB_OK)
/* The call fails with `status`, and the message mentions `text`. */
#define FAILS(status, text, call)                       \
  do {                                                  \
    CHECK((call) == (status));                          \
    CHECK(strstr(omendb_last_error(), (text)) != NULL); \
  } while (0)
