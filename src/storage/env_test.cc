// The contract of Env, held by each of its three implementations.
#include "storage/env.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "storage/overlay_env.h"
#include "storage/testing/fault_env.h"

namespace omendb::storage {
namespace {

enum class Kind { kPosix, kMemory, kFault, kOverlay };

class EnvTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::kPosix) {
      std::string pattern = (std::filesystem::temp_directory_path() / "omendb-XXXXXX").string();
      ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
      root_ = pattern;
      env_ = Env::posix();
    } else {
      if (GetParam() == Kind::kMemory) env_ = Env::in_memory();
      if (GetParam() == Kind::kFault) env_ = std::make_shared<FaultEnv>(1);
      if (GetParam() == Kind::kOverlay) env_ = std::make_shared<OverlayEnv>(Env::in_memory());
      root_ = "root";
      ASSERT_TRUE(env_->make_directory(root_).ok());
    }
  }
  void TearDown() override {
    if (GetParam() == Kind::kPosix) std::filesystem::remove_all(root_);
  }

  std::string path(std::string_view name) const { return join(root_, name); }
  void write(const std::string& name, std::string_view text) {
    auto file = env_->create_file(path(name));
    ASSERT_TRUE(file.ok()) << file.status().to_string();
    ASSERT_TRUE((*file)->append(as_bytes(text)).ok());
  }
  std::string read(const std::string& name) {
    const auto bytes = env_->read_file(path(name));
    EXPECT_TRUE(bytes.ok()) << bytes.status().to_string();
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  }

  std::shared_ptr<Env> env_;
  std::string root_;
};

TEST_P(EnvTest, AppendsAndOverwritesLandWhereTheyShould) {
  auto file = env_->create_file(path("f"));
  ASSERT_TRUE(file.ok());
  const std::span<const std::byte> parts[] = {as_bytes("01234"), {}, as_bytes("56789")};
  ASSERT_TRUE((*file)->append(parts).ok());
  ASSERT_TRUE((*file)->write_at(3, as_bytes("abc")).ok());
  ASSERT_TRUE((*file)->write_at(8, as_bytes("WXYZ")).ok());  // past the end
  ASSERT_TRUE((*file)->append(as_bytes("!")).ok());
  EXPECT_EQ((*file)->size(), 13u);
  ASSERT_TRUE((*file)->sync().ok());
  ASSERT_TRUE((*file)->close().ok());
  EXPECT_EQ(read("f"), "012abc67WXYZ!");
  EXPECT_EQ(*env_->file_size(path("f")), 13u);

  auto again = env_->reopen_file(path("f"));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)->size(), 13u);
  ASSERT_TRUE((*again)->append(as_bytes("more")).ok());
  EXPECT_EQ(read("f"), "012abc67WXYZ!more");
  write("f", "");  // truncates
  EXPECT_EQ(read("f"), "");
}

TEST_P(EnvTest, ManyPartsAreWrittenInOrder) {
  auto file = env_->create_file(path("f"));
  std::string expected;
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) texts.push_back(std::to_string(i) + (i % 7 == 0 ? "" : ","));
  std::vector<std::span<const std::byte>> parts;
  for (const auto& text : texts) {
    parts.push_back(as_bytes(text));
    expected += text;
  }
  ASSERT_TRUE((*file)->append(parts).ok());
  EXPECT_EQ(read("f"), expected);
}

TEST_P(EnvTest, AMappingOutlivesItsFile) {
  write("f", "mapped bytes");
  auto mapped = env_->map_file(path("f"));
  ASSERT_TRUE(mapped.ok());
  ASSERT_TRUE(env_->remove_file(path("f")).ok());
  EXPECT_TRUE(std::ranges::equal((*mapped)->bytes(), as_bytes("mapped bytes")));
  write("empty", "");
  EXPECT_EQ((*env_->map_file(path("empty")))->bytes().size(), 0u);
}

TEST_P(EnvTest, NamesComeAndGo) {
  write("a", "A");
  write("b", "B");
  ASSERT_TRUE(env_->make_directory(path("d")).ok());
  ASSERT_TRUE(env_->make_directory(path("d")).ok());
  auto names = *env_->list(root_);
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "d"}));
  ASSERT_TRUE(env_->rename(path("a"), path("b")).ok());
  EXPECT_EQ(read("b"), "A");
  EXPECT_FALSE(*env_->exists(path("a")));
  EXPECT_TRUE(*env_->exists(path("d")));
  EXPECT_TRUE(*env_->is_directory(path("d")));
  EXPECT_FALSE(*env_->is_directory(path("b")));
  write("d/inside", "x");
  EXPECT_FALSE(env_->remove_directory(path("d")).ok());
  ASSERT_TRUE(env_->remove_file(path("d/inside")).ok());
  ASSERT_TRUE(env_->remove_directory(path("d")).ok());
  EXPECT_FALSE(*env_->exists(path("d")));
  EXPECT_TRUE(env_->sync_directory(root_).ok());
}

TEST_P(EnvTest, AFolderMovesWithAllThatIsInIt) {
  ASSERT_TRUE(env_->make_directory(path("d")).ok());
  ASSERT_TRUE(env_->make_directory(path("d/e")).ok());
  write("d/one", "1");
  write("d/e/two", "2");
  write("dx", "stays");
  ASSERT_TRUE(env_->rename(path("d"), path("moved")).ok());
  EXPECT_FALSE(*env_->exists(path("d")));
  EXPECT_FALSE(*env_->exists(path("d/one")));
  EXPECT_EQ(read("moved/one"), "1");
  EXPECT_EQ(read("moved/e/two"), "2");
  EXPECT_EQ(read("dx"), "stays");
  EXPECT_TRUE(*env_->is_directory(path("moved/e")));
  ASSERT_TRUE(env_->make_directory(path("full")).ok());
  write("full/file", "x");
  EXPECT_FALSE(env_->rename(path("moved"), path("full")).ok());
  EXPECT_EQ(read("full/file"), "x");
  EXPECT_EQ(read("moved/one"), "1");
}

TEST_P(EnvTest, ASecondNameKeepsTheBytesWhenTheFirstIsGone) {
  write("a", "bytes");
  ASSERT_TRUE(env_->link_file(path("a"), path("b")).ok());
  EXPECT_EQ(read("a"), "bytes");
  EXPECT_EQ(read("b"), "bytes");
  ASSERT_TRUE(env_->remove_file(path("a")).ok());
  EXPECT_EQ(read("b"), "bytes");
  EXPECT_EQ(env_->link_file(path("none"), path("c")).code(), StatusCode::kNotFound);
}

TEST_P(EnvTest, ErrorsNameTheOperationAndThePath) {
  for (const Status& status :
       {env_->read_file(path("none")).status(), env_->map_file(path("none")).status(),
        env_->reopen_file(path("none")).status(), env_->file_size(path("none")).status(),
        env_->remove_file(path("none")), env_->create_file(path("none/f")).status(),
        env_->list(path("none")).status()}) {
    EXPECT_EQ(status.code(), StatusCode::kNotFound) << status.to_string();
    EXPECT_NE(status.message().find(path("none")), std::string::npos) << status.to_string();
  }
}

TEST_P(EnvTest, ASecondLockIsRefusedWithTheHoldersWords) {
  const std::string owner = describe_this_process(env_->now_micros());
  auto held = env_->lock(path("LOCK"), owner);
  ASSERT_TRUE(held.ok()) << held.status().to_string();
  const auto refused = env_->lock(path("LOCK"), "another");
  EXPECT_EQ(refused.status().code(), StatusCode::kLocked);
  EXPECT_EQ(refused.status().message(), "database \"" + root_ + "\" is held by " + owner);
  EXPECT_EQ(owner.find("pid "), 0u);
  EXPECT_NE(owner.find(" since 20"), std::string::npos) << owner;
  held->reset();
  EXPECT_TRUE(env_->lock(path("LOCK"), "another").ok());
}

TEST_P(EnvTest, RoomIsZerosAndKeepsWhatWasWritten) {
  auto file = env_->create_file(path("f"));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->append(as_bytes("0123")).ok());
  ASSERT_TRUE((*file)->reserve(10'000).ok());
  ASSERT_TRUE((*file)->reserve(2).ok());  // is there already
  ASSERT_TRUE((*file)->write_at(4, as_bytes("abc")).ok());
  const std::string text = read("f");
  EXPECT_EQ(text.substr(0, 7), "0123abc");
  EXPECT_EQ(text.find_first_not_of('\0', 7), std::string::npos);
  EXPECT_EQ((*file)->size(), text.size());
}

TEST(PosixEnvTest, ASharedLockRefusesWritersAndNoOtherShares) {
  const auto env = Env::posix();
  std::string folder = (std::filesystem::temp_directory_path() / "omendb-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string lock = join(folder, "LOCK");
  const auto none = env->lock_shared(lock);
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(*none, nullptr);
  EXPECT_FALSE(std::filesystem::exists(lock));

  auto writer = env->lock(lock, "a writer");
  ASSERT_TRUE(writer.ok());
  const auto refused = env->lock_shared(lock);
  EXPECT_EQ(refused.status().code(), StatusCode::kLocked);
  EXPECT_NE(refused.status().message().find("held by a writer"), std::string::npos);

  writer->reset();
  auto one = env->lock_shared(lock);
  auto other = env->lock_shared(lock);
  ASSERT_TRUE(one.ok() && *one != nullptr && other.ok() && *other != nullptr);
  const auto late = env->lock(lock, "a late writer");
  EXPECT_EQ(late.status().code(), StatusCode::kLocked);
  EXPECT_NE(late.status().message().find("held by a check or a repair"), std::string::npos);
  one->reset();
  EXPECT_FALSE(env->lock(lock, "a late writer").ok());
  other->reset();
  EXPECT_TRUE(env->lock(lock, "a late writer").ok());
  std::filesystem::remove_all(folder);
}

TEST(PosixEnvTest, ALockTellsThatItsFolderWasRemovedOrMoved) {
  const auto env = Env::posix();
  std::string pattern = (std::filesystem::temp_directory_path() / "omendb-XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const std::string folder = join(pattern, "db");
  for (const bool moved : {false, true}) {
    ASSERT_TRUE(env->make_directory(folder).ok());
    const auto held = env->lock(join(folder, "LOCK"), "me");
    ASSERT_TRUE(held.ok());
    EXPECT_TRUE((*held)->check().ok());
    if (moved) {
      ASSERT_TRUE(env->rename(folder, join(pattern, "elsewhere")).ok());
    } else {
      std::filesystem::remove_all(folder);
    }
    EXPECT_EQ((*held)->check().code(), StatusCode::kIoError);
    ASSERT_TRUE(env->make_directory(folder).ok());  // a new one, with a lock of its own
    const auto other = env->lock(join(folder, "LOCK"), "another");
    ASSERT_TRUE(other.ok());
    EXPECT_TRUE((*other)->check().ok());
    const Status lost = (*held)->check();
    EXPECT_NE(lost.message().find(folder), std::string::npos) << lost.message();
    std::filesystem::remove_all(folder);
  }
  std::filesystem::remove_all(pattern);
}

/// Forks a child that does `work`, then waits to be killed. @return its pid, once the work is done.
template <class Work>
pid_t fork_and_stay(Work work) {
  int ready[2];
  if (::pipe(ready) != 0) return -1;
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    const char done = 1;
    if (::write(ready[1], &done, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char done = 0;
  ::close(ready[1]);
  const bool told = ::read(ready[0], &done, 1) == 1;
  ::close(ready[0]);
  return told ? child : -1;
}

void kill_and_reap(pid_t child) {
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

class LockAcrossForkTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "omendb-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = join(folder_, "LOCK");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  const std::shared_ptr<Env> env_ = Env::posix();
  std::string path_;
};

TEST_F(LockAcrossForkTest, ALockThatIsLetGoOfIsFreeThoughAForkedChildLives) {
  auto held = env_->lock(path_, "parent");
  ASSERT_TRUE(held.ok());
  const pid_t child = fork_and_stay([] {});
  ASSERT_GT(child, 0);
  held->reset();
  EXPECT_TRUE(env_->lock(path_, "the next").ok());
  kill_and_reap(child);
}

TEST_F(LockAcrossForkTest, ALockIsFreeOnceItsHolderIsKilledThoughAForkedChildLives) {
  pid_t* const grandchild = static_cast<pid_t*>(
      ::mmap(nullptr, sizeof(pid_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(grandchild, MAP_FAILED);
  std::unique_ptr<FileLock> held;
  const pid_t holder = fork_and_stay([&] {
    held = *env_->lock(path_, "holder");
    *grandchild = fork_and_stay([] {});
  });
  ASSERT_GT(holder, 0);
  ASSERT_GT(*grandchild, 0);
  EXPECT_EQ(env_->lock(path_, "another").status().code(), StatusCode::kLocked);
  kill_and_reap(holder);
  EXPECT_TRUE(env_->lock(path_, "the next").ok());
  ::kill(*grandchild, SIGKILL);
  ::munmap(grandchild, sizeof(pid_t));
}

TEST_F(LockAcrossForkTest, AChildThatEndsLeavesItsParentTheLock) {
  auto held = env_->lock(path_, "parent");
  ASSERT_TRUE(held.ok());
  const pid_t child = ::fork();
  if (child == 0) {
    held->reset();
    ::_exit(env_->lock(path_, "child").status().code() == StatusCode::kLocked ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0) << "the child took its parent's lock";
  EXPECT_EQ(env_->lock(path_, "another").status().code(), StatusCode::kLocked);
}

TEST(PosixEnvTest, AnAbsolutePathStaysWhereItIs) {
  const auto env = Env::posix();
  EXPECT_EQ(env->absolute("/a/../b").value(), "/a/../b");
  EXPECT_EQ(env->absolute("b/c").value(), (std::filesystem::current_path() / "b/c").string());
}

std::string kind_name(const testing::TestParamInfo<Kind>& kind) {
  switch (kind.param) {
    case Kind::kPosix: return "Posix";
    case Kind::kMemory: return "Memory";
    case Kind::kFault: return "Fault";
    case Kind::kOverlay: return "Overlay";
  }
  return "Unknown";
}

INSTANTIATE_TEST_SUITE_P(Each, EnvTest,
                         testing::Values(Kind::kPosix, Kind::kMemory, Kind::kFault, Kind::kOverlay),
                         kind_name);

TEST(OverlayEnvTest, NoOperationChangesTheFilesBelow) {
  const auto base = Env::in_memory();
  ASSERT_TRUE(base->make_directory("d").ok());
  for (const char* name : {"d/a", "d/b", "d/c"}) {
    auto file = base->create_file(name);
    ASSERT_TRUE((*file)->append(as_bytes(name)).ok());
  }
  OverlayEnv env(base);
  const auto text = [](Env& of, const std::string& path) {
    const auto bytes = of.read_file(path);
    return bytes.ok() ? std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size())
                      : bytes.status().to_string();
  };
  EXPECT_EQ(text(env, "d/a"), "d/a");
  ASSERT_TRUE((*env.reopen_file("d/a"))->append(as_bytes("+")).ok());
  ASSERT_TRUE(env.rename("d/b", "d/new").ok());
  ASSERT_TRUE(env.remove_file("d/c").ok());
  EXPECT_EQ(env.remove_file("d/c").code(), StatusCode::kNotFound);
  ASSERT_TRUE((*env.create_file("d/c"))->append(as_bytes("again")).ok());
  EXPECT_EQ(text(env, "d/a"), "d/a+");
  EXPECT_EQ(text(env, "d/new"), "d/b");
  EXPECT_EQ(text(env, "d/c"), "again");
  EXPECT_EQ(*env.list("d"), (std::vector<std::string>{"a", "c", "new"}));
  EXPECT_FALSE(*env.exists("d/b"));
  EXPECT_FALSE(env.rename("d", "e").ok());
  EXPECT_FALSE(env.remove_directory("d").ok());
  for (const char* name : {"d/a", "d/b", "d/c"}) EXPECT_EQ(text(*base, name), name);
  EXPECT_EQ(base->list("d")->size(), 3u);
}

TEST(MemoryTest, OfThisMachineIsKnown) {
  EXPECT_GE(memory_bytes(), uint64_t{64} << 20);
  EXPECT_LT(memory_bytes(), uint64_t{1} << 50);
}

}  // namespace
}  // namespace omendb::storage
