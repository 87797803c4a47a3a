// 1-bit codes of a part's rows, whether they lie in memory or in a mapped file.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/rabitq.h"
#include "omendb/status.h"

namespace omendb::index {

/// Codes of the rows [0, rows()), immutable and thread-safe.
class Codes {
 public:
  virtual ~Codes() = default;

  virtual uint32_t rows() const = 0;
  /// How the rows were encoded.
  virtual const codec::rabitq::Encoder& encoder() const = 0;
  /// Blocks of 32 codes, checked against their checksums. They stay valid while the codes live.
  virtual Result<const std::byte*> blocks() const = 0;
  /// See PartIndex::sound().
  virtual bool sound() const = 0;
};

}  // namespace omendb::index
