// docs/format.md against what the code writes and reads.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/bytes.h"
#include "storage/log/file_log.h"
#include "storage/section_file.h"

namespace omendb::storage {
namespace {

// The bytes of the dump in the code block that is marked ```<mark>.
std::vector<std::byte> dump_in_docs(const std::string& mark) {
  std::ifstream docs(OMENDB_FORMAT_MD);
  EXPECT_TRUE(docs.good()) << OMENDB_FORMAT_MD;
  std::string line;
  while (std::getline(docs, line) && line != "```" + mark) continue;
  std::vector<std::byte> bytes;
  while (std::getline(docs, line) && line != "```") {
    if (line == "*") continue;
    std::istringstream in(line);
    size_t offset = 0;
    unsigned value = 0;
    in >> std::hex >> offset;
    bytes.resize(offset);
    while (in >> value) bytes.push_back(static_cast<std::byte>(value));
  }
  return bytes;
}

std::vector<std::byte> write_log(const std::shared_ptr<Env>& env) {
  auto log = FileLog::open(
      env, "wal", {}, {}, [](const LogRecord&) { return Status(); }, nullptr);
  const std::span<const std::byte> part = as_bytes("hello");
  EXPECT_TRUE((*log)->wait_durable(*(*log)->append(ShardId{}, std::span(&part, 1))).ok());
  return *env->read_file("wal/0000000001.wal");
}

TEST(FormatTest, TheSectionFileInTheDocsIsWhatTheWriterWrites) {
  const auto env = Env::in_memory();
  auto writer = SectionFileWriter::create(env, "f.seg", 1);
  ASSERT_TRUE((*writer)->begin({1, 0}).ok());
  ASSERT_TRUE((*writer)->append(as_bytes("hello")).ok());
  ASSERT_TRUE((*writer)->end().ok());
  ASSERT_TRUE((*writer)->finish().ok());
  EXPECT_EQ(*env->read_file("f.seg"), dump_in_docs("section-file"));
}

TEST(FormatTest, TheLogInTheDocsCanBeReadAndIsWhatTheLogWritesExceptTheNonce) {
  const auto documented = dump_in_docs("wal-file");
  const auto env = Env::in_memory();
  ASSERT_TRUE(env->make_directory("wal").ok());
  auto file = env->create_file("wal/0000000001.wal");
  ASSERT_TRUE((*file)->append(documented).ok());
  std::string replayed;
  const auto log = FileLog::open(
      env, "wal", {}, {},
      [&](const LogRecord& record) {
        replayed.assign(reinterpret_cast<const char*>(record.payload.data()),
                        record.payload.size());
        return Status();
      },
      nullptr);
  ASSERT_TRUE(log.ok()) << log.status().to_string();
  EXPECT_EQ(replayed, "hello");

  auto written = write_log(Env::in_memory());
  ASSERT_EQ(written.size(), documented.size());
  for (size_t at = 0; at < written.size(); ++at) {
    const bool from_nonce =
        (at >= 32 && at < 40) || (at >= 60 && at < 64) || (at >= 4'096 && at < 4'100);
    ASSERT_TRUE(from_nonce || written[at] == documented[at]) << "offset " << at;
  }
}

}  // namespace
}  // namespace omendb::storage
