#include "storage/mapping_guard.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

namespace omendb::storage {
namespace {

constexpr size_t kPages = 4;

/// A file of kPages pages of 'x', mapped.
class MappingGuardTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "omendb-XXXXXX").string();
    fd_ = ::mkstemp(pattern.data());
    ASSERT_GE(fd_, 0);
    ::unlink(pattern.c_str());
    const std::string text(kPages * page_, 'x');
    ASSERT_EQ(::write(fd_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    void* address = ::mmap(nullptr, text.size(), PROT_READ, MAP_SHARED, fd_, 0);
    ASSERT_NE(address, MAP_FAILED);
    mapping_ = {static_cast<const std::byte*>(address), text.size()};
  }
  void TearDown() override {
    ::munmap(const_cast<std::byte*>(mapping_.data()), mapping_.size());
    ::close(fd_);
  }
  char at(size_t offset) const {
    return *reinterpret_cast<const volatile char*>(mapping_.data() + offset);
  }

  const size_t page_ = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  int fd_ = -1;
  std::span<const std::byte> mapping_;
};

TEST_F(MappingGuardTest, PagesBeyondACutReadAsZerosAndTheFirstOfThemIsKnown) {
  const MappingGuard guard(mapping_);
  EXPECT_EQ(at(2 * page_), 'x');
  EXPECT_TRUE(guard.intact());
  ASSERT_EQ(::ftruncate(fd_, static_cast<off_t>(2 * page_)), 0);
  EXPECT_EQ(at(3 * page_ + 5), 0);
  EXPECT_EQ(guard.first_lost(), 3 * page_);
  EXPECT_EQ(at(2 * page_ + 5), 0);
  EXPECT_EQ(guard.first_lost(), 2 * page_);
  EXPECT_EQ(at(page_), 'x');
  EXPECT_FALSE(guard.intact());
}

TEST_F(MappingGuardTest, AMappingThatIsGuardedAnewBeginsIntact) {
  {
    const MappingGuard guard(mapping_);
    ASSERT_EQ(::ftruncate(fd_, 0), 0);
    EXPECT_EQ(at(0), 0);
    EXPECT_FALSE(guard.intact());
  }
  const MappingGuard again(mapping_);
  EXPECT_TRUE(again.intact());
}

TEST_F(MappingGuardTest, ThousandsOfMappingsAreToldApart) {
  std::vector<std::unique_ptr<MappingGuard>> guards;
  std::vector<std::byte> memory(3'000);
  for (size_t i = 0; i < memory.size(); ++i) {
    guards.push_back(std::make_unique<MappingGuard>(std::span<const std::byte>(&memory[i], 1)));
  }
  const MappingGuard guard(mapping_);
  ASSERT_EQ(::ftruncate(fd_, 0), 0);
  EXPECT_EQ(at(0), 0);
  EXPECT_FALSE(guard.intact());
  for (const auto& other : guards) ASSERT_TRUE(other->intact());
}

using MappingGuardDeathTest = MappingGuardTest;

TEST_F(MappingGuardDeathTest, ASignalThatIsNotAboutAGuardedMappingEndsTheProcessAsBefore) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto by_bus_error = testing::KilledBySignal(SIGBUS);
  EXPECT_EXIT(
      {
        ::signal(SIGBUS, SIG_DFL);
        const MappingGuard guard(mapping_);
        ::raise(SIGBUS);
      },
      by_bus_error, "");
  EXPECT_EXIT(
      {
        ::signal(SIGBUS, SIG_DFL);
        { const MappingGuard guard(mapping_); }
        if (::ftruncate(fd_, 0) == 0) std::exit(at(0));
      },
      by_bus_error, "");
}

TEST_F(MappingGuardDeathTest, AnEarlierHandlerIsCalledForOtherSignals) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        ::signal(SIGBUS, [](int) { ::_exit(42); });
        const MappingGuard guard(mapping_);
        ::raise(SIGBUS);
      },
      testing::ExitedWithCode(42), "");
}

}  // namespace
}  // namespace omendb::storage
