// Every kernels_<isa>.cc includes this before it opens its target. It includes all standard
// headers, so that no inline library function is compiled for a special target, and defines the
// macros.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "distance/kernels_table.h"

#define OMEN_INLINE static inline __attribute__((always_inline))
#define OMEN_INLINE_MEMBER inline __attribute__((always_inline))

// OMEN_TARGET_BEGIN("avx2,fma") … OMEN_TARGET_END: the functions between them, and no others, are
// compiled for that target.
#define OMEN_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define OMEN_UNROLL _Pragma("clang loop unroll(full)")
#define OMEN_TARGET_BEGIN(features) \
  OMEN_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define OMEN_TARGET_END OMEN_PRAGMA(clang attribute pop)
#else
#define OMEN_UNROLL _Pragma("GCC unroll 16")
#define OMEN_TARGET_BEGIN(features) \
  OMEN_PRAGMA(GCC push_options)     \
  OMEN_PRAGMA(GCC target(features))
#define OMEN_TARGET_END OMEN_PRAGMA(GCC pop_options)
#endif
