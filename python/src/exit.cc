#include "exit.h"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace omendb::python {
namespace {

using Clock = std::chrono::steady_clock;

/// How long the hook waits for the threads inside. A thread that takes longer runs Python code for
/// us, such as a generator behind an Arrow stream, which may wait for anything.
constexpr std::chrono::seconds kPatience(5);
/// How long a thread is held if the interpreter does not go down after all.
constexpr std::chrono::seconds kHold(1);
constexpr std::chrono::milliseconds kPoll(1);

/// Threads within a Call that have the GIL or are about to take it. With `leaving`, a pair of flags
/// as in Dekker's algorithm: either the thread sees that the program ends, or the hook sees it.
std::atomic<int> inside{0};
std::atomic<bool> leaving{false};
std::thread::id leaver;                   // set before `leaving`
std::atomic<Clock::time_point> hold_end;  // set before `leaving`, and at the end of the hook

bool held() {
  return leaving && std::this_thread::get_id() != leaver &&
         (!Py_IsInitialized() || Clock::now() < hold_end.load());
}

/// Counts this thread as inside, once it is not held; never returns if the interpreter is gone.
void enter() {
  for (++inside; held(); ++inside) {
    --inside;
    while (held()) std::this_thread::sleep_for(kPoll);
  }
}

void leave() {
  leaver = std::this_thread::get_id();
  hold_end = Clock::time_point::max();
  leaving = true;
  PyThreadState* state = PyEval_SaveThread();
  const Clock::time_point give_up = Clock::now() + kPatience;
  while (inside > 0 && Clock::now() < give_up) std::this_thread::sleep_for(kPoll);
  PyEval_RestoreThread(state);
  hold_end = Clock::now() + kHold;
}

}  // namespace

Call::Call() {
  ++inside;
  if (held()) GilReleased until_let_go;
}

Call::~Call() {
  --inside;
}

GilReleased::GilReleased() : state_(PyEval_SaveThread()) {
  --inside;
}

GilReleased::~GilReleased() {
  enter();
  PyEval_RestoreThread(state_);
}

void watch_exit() {
  // The threads of the parent are not in the child, so they will not leave there.
  ::pthread_atfork(nullptr, nullptr, [] { inside = 0; });
  nb::module_::import_("atexit").attr("register")(nb::cpp_function(&leave));
}

}  // namespace omendb::python
