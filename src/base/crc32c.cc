#include "base/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace omendb::crc32c {
namespace {

constexpr uint32_t kPolynomial = 0x82F63B78;  // reflected: bit 31 is x^0

constexpr uint32_t times_x(uint32_t value) {
  return (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
}

// x^n mod P.
constexpr uint32_t power_of_x(size_t n) {
  uint32_t value = 0x80000000;
  for (size_t i = 0; i < n; ++i) value = times_x(value);
  return value;
}

uint64_t load_u64(const std::byte* p) {
  uint64_t value = 0;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

// tables[k][b]: byte b followed by k zero bytes.
using Tables = std::array<std::array<uint32_t, 256>, 8>;
constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = times_x(crc);
    tables[0][b] = crc;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t b = 0; b < 256; ++b) {
      const uint32_t before = tables[k - 1][b];
      tables[k][b] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}
constexpr Tables kTables = make_tables();

// Slicing by eight: Kounavis and Berry, 2008.
uint32_t extend_portable(uint32_t crc, const std::byte* p, size_t size) {
  crc = ~crc;
  for (; size >= 8; p += 8, size -= 8) {
    const uint64_t word = load_u64(p) ^ crc;
    crc = kTables[7][word & 0xff] ^ kTables[6][(word >> 8) & 0xff] ^
          kTables[5][(word >> 16) & 0xff] ^ kTables[4][(word >> 24) & 0xff] ^
          kTables[3][(word >> 32) & 0xff] ^ kTables[2][(word >> 40) & 0xff] ^
          kTables[1][(word >> 48) & 0xff] ^ kTables[0][word >> 56];
  }
  for (; size > 0; ++p, --size) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ std::to_integer<uint32_t>(*p)) & 0xff];
  }
  return ~crc;
}

#if defined(__x86_64__) || (defined(__aarch64__) && defined(__linux__))
// The instruction takes three cycles and one can start in each, so three streams run side by side,
// each over one block, and are joined: crc(A B) = crc(A)·x^(8|B|) + crc(B) mod P. Three long blocks
// and the tail make one 4 KiB page, the size that storage checks most.
constexpr size_t kLongBlock = 1'360;
constexpr size_t kShortBlock = 168;
#endif

#if defined(__x86_64__)

// Multiplies by x^(8·bytes): a carry-less product of reflected operands comes out as a·b·x, and the
// CRC instruction multiplies by x^32 mod P, so the constant carries x^-33.
template <size_t bytes>
__attribute__((target("sse4.2,pclmul"))) inline uint64_t shift_x86(uint64_t crc) {
  constexpr uint64_t kFactor = power_of_x(8 * bytes - 33);
  const __m128i product =
      _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(crc)),
                           _mm_cvtsi64_si128(static_cast<long long>(kFactor)), 0);
  return _mm_crc32_u64(0, static_cast<uint64_t>(_mm_cvtsi128_si64(product)));
}

template <size_t block>
__attribute__((target("sse4.2,pclmul"))) inline uint64_t three_blocks_x86(uint64_t crc,
                                                                          const std::byte* p) {
  uint64_t second = 0;
  uint64_t third = 0;
  for (size_t i = 0; i < block; i += 8) {
    crc = _mm_crc32_u64(crc, load_u64(p + i));
    second = _mm_crc32_u64(second, load_u64(p + block + i));
    third = _mm_crc32_u64(third, load_u64(p + 2 * block + i));
  }
  return shift_x86<2 * block>(crc) ^ shift_x86<block>(second) ^ third;
}

__attribute__((target("sse4.2,pclmul"))) uint32_t extend_sse42(uint32_t initial, const std::byte* p,
                                                               size_t size) {
  uint64_t crc = static_cast<uint32_t>(~initial);
  for (; size >= 3 * kLongBlock; p += 3 * kLongBlock, size -= 3 * kLongBlock) {
    crc = three_blocks_x86<kLongBlock>(crc, p);
  }
  for (; size >= 3 * kShortBlock; p += 3 * kShortBlock, size -= 3 * kShortBlock) {
    crc = three_blocks_x86<kShortBlock>(crc, p);
  }
  for (; size >= 8; p += 8, size -= 8) crc = _mm_crc32_u64(crc, load_u64(p));
  for (; size > 0; ++p, --size) {
    crc = _mm_crc32_u8(static_cast<uint32_t>(crc), std::to_integer<uint8_t>(*p));
  }
  return ~static_cast<uint32_t>(crc);
}

bool have_hardware() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return false;
  return (ecx & bit_SSE4_2) != 0 && (ecx & bit_PCLMUL) != 0;
}
constexpr Implementation kHardware{"sse42", extend_sse42};

#elif defined(__aarch64__) && defined(__linux__)

// Assembly, because compilers offer the intrinsics only to files built for machines that have it.
inline uint32_t crc_u64(uint32_t crc, uint64_t value) {
  asm(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(value));
  return crc;
}
inline uint32_t crc_u8(uint32_t crc, uint8_t value) {
  asm(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(value));
  return crc;
}

// a·b mod P.
inline uint32_t multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (int bit = 31; bit >= 0; --bit) {
    product ^= b & (0 - ((a >> bit) & 1));
    b = times_x(b);
  }
  return product;
}

template <size_t block>
inline uint32_t three_blocks_arm(uint32_t crc, const std::byte* p) {
  constexpr uint32_t kOne = power_of_x(8 * block);
  constexpr uint32_t kTwo = power_of_x(16 * block);
  uint32_t second = 0;
  uint32_t third = 0;
  for (size_t i = 0; i < block; i += 8) {
    crc = crc_u64(crc, load_u64(p + i));
    second = crc_u64(second, load_u64(p + block + i));
    third = crc_u64(third, load_u64(p + 2 * block + i));
  }
  return multiply(crc, kTwo) ^ multiply(second, kOne) ^ third;
}

uint32_t extend_armv8(uint32_t initial, const std::byte* p, size_t size) {
  uint32_t crc = ~initial;
  for (; size >= 3 * kLongBlock; p += 3 * kLongBlock, size -= 3 * kLongBlock) {
    crc = three_blocks_arm<kLongBlock>(crc, p);
  }
  for (; size >= 8; p += 8, size -= 8) crc = crc_u64(crc, load_u64(p));
  for (; size > 0; ++p, --size) crc = crc_u8(crc, std::to_integer<uint8_t>(*p));
  return ~crc;
}

bool have_hardware() {
  constexpr unsigned long kHwcapCrc32 = 1UL << 7;
  return (getauxval(AT_HWCAP) & kHwcapCrc32) != 0;
}
constexpr Implementation kHardware{"armv8", extend_armv8};

#else

bool have_hardware() {
  return false;
}
constexpr Implementation kHardware{"portable", extend_portable};

#endif

}  // namespace

uint32_t extend(uint32_t crc, std::span<const std::byte> bytes) {
  static const ExtendFn best = implementations().back().extend;
  return best(crc, bytes.data(), bytes.size());
}

std::vector<Implementation> implementations() {
  std::vector<Implementation> all{{"portable", extend_portable}};
  if (have_hardware()) all.push_back(kHardware);
  return all;
}

}  // namespace omendb::crc32c
