#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <new>
#include <thread>

namespace omendb {
namespace {

TEST(ThreadPoolTest, ParallelForCallsEachIndexOnce) {
  for (const size_t threads : {0, 1, 3}) {
    ThreadPool pool(threads);
    for (const size_t n : {0, 1, 2, 1'000}) {
      std::vector<std::atomic<int>> calls(n);
      pool.parallel_for(n, [&](size_t i) { ++calls[i]; });
      for (const auto& count : calls) EXPECT_EQ(count, 1);
    }
  }
}

TEST(ThreadPoolTest, NestedLoopsMakeProgressWhenEveryThreadIsBusy) {
  ThreadPool pool(2);
  std::atomic<int> sum{0};
  pool.parallel_for(8, [&](size_t) { pool.parallel_for(8, [&](size_t) { ++sum; }); });
  EXPECT_EQ(sum, 64);
}

TEST(ThreadPoolTest, LoopsFromManyThreadsDoNotMix) {
  ThreadPool pool(2);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&pool] {
      for (int round = 0; round < 50; ++round) {
        std::atomic<size_t> sum{0};
        pool.parallel_for(100, [&](size_t i) { sum += i; });
        EXPECT_EQ(sum, 4'950u);
      }
    });
  }
  for (auto& thread : callers) thread.join();
}

TEST(ThreadPoolTest, DestructionRunsWhatWasSubmitted) {
  std::atomic<int> done{0};
  {
    ThreadPool pool(2);
    for (int i = 0; i < 100; ++i) pool.submit([&] { ++done; });
  }
  EXPECT_EQ(done, 100);
}

TEST(ThreadPool, WhatACallThrowsIsThrownAgainWhenAllHaveEnded) {
  ThreadPool pool(3);
  for (const size_t bad : {0UL, 7UL, 99UL}) {
    std::atomic<int> ended{0};
    const auto fn = [&](size_t i) {
      if (i == bad) throw std::bad_alloc();
      std::this_thread::sleep_for(std::chrono::microseconds(100));
      ++ended;
    };
    EXPECT_THROW(pool.parallel_for(100, fn), std::bad_alloc);
    EXPECT_EQ(ended, 99);
  }
}

}  // namespace
}  // namespace omendb
