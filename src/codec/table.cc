// Maps an instruction set to its codec kernels.
#include "codec/table.h"
#include "base/check.h"

namespace omendb::codec::internal {

const CodecTable& codec_table(distance::Isa isa) {
  switch (isa) {
    case distance::Isa::kScalar: return kScalarCodec;
#if defined(__x86_64__)
    case distance::Isa::kAvx2: return kAvx2Codec;
    case distance::Isa::kAvx512: return kAvx512Codec;
    case distance::Isa::kNeon: break;
#elif defined(__aarch64__)
    case distance::Isa::kNeon: return kNeonCodec;
    case distance::Isa::kAvx2:
    case distance::Isa::kAvx512: break;
#else
    case distance::Isa::kNeon:
    case distance::Isa::kAvx2:
    case distance::Isa::kAvx512: break;
#endif
  }
  check_failed("this machine can run the instruction set", __FILE__, __LINE__);
}

}  // namespace omendb::codec::internal
