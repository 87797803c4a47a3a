// Maps an instruction set to its codec kernels.
#include "base/check.h"
#include "distance/codec_table.h"

namespace omendb::distance::internal {

const CodecTable& codec_table(Isa isa) {
  switch (isa) {
    case Isa::kScalar: return kScalarCodec;
#if defined(__x86_64__)
    case Isa::kAvx2: return kAvx2Codec;
    case Isa::kAvx512: return kAvx512Codec;
    case Isa::kNeon: break;
#elif defined(__aarch64__)
    case Isa::kNeon: return kNeonCodec;
    case Isa::kAvx2:
    case Isa::kAvx512: break;
#else
    case Isa::kNeon:
    case Isa::kAvx2:
    case Isa::kAvx512: break;
#endif
  }
  check_failed("this machine can run the instruction set", __FILE__, __LINE__);
}

}  // namespace omendb::distance::internal
