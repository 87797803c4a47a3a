// How a program ends while daemon threads are inside the engine.
//
// Once the interpreter is going down, CPython 3.11 to 3.13 end a thread that wants the GIL by
// pthread_exit, which unwinds its stack. The C++ frames on it are not made for that: some are
// noexcept, so the process aborts, and others hold Python objects that nobody may touch any more.
// Python 3.14 lets such a thread hang instead. So do we: from an atexit hook on, threads that come
// back from the engine or enter it wait where they are, without the GIL, and the hook waits until
// none is left that has the GIL, or queues for it, with our frames on its stack.
//
// Hooks that were registered before this one run after it, and may wait for a thread that we hold.
// So it is held for a second at most, unless the interpreter goes down in that time, as it does.
#pragma once

#include <nanobind/nanobind.h>

namespace omendb::python {

namespace nb = nanobind;

/// Stands around each call from Python into this module; Class and `kCall` see to that.
class Call {
 public:
  Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call();
};

/// The GIL is released while this lives; within a Call only.
class GilReleased {
 public:
  GilReleased();
  GilReleased(const GilReleased&) = delete;
  GilReleased& operator=(const GilReleased&) = delete;
  ~GilReleased();

 private:
  PyThreadState* state_;
};

/// Goes with each function of the module, as `m.def("open", &open, kCall)`.
inline constexpr nb::call_guard<Call> kCall;

/// nb::class_, with kCall on all that is defined.
template <class T>
class Class {
 public:
  Class(nb::module_& m, const char* name, const char* doc) : class_(m, name, doc) {}

  template <class What, class... More>
  Class& def(What&& what, More&&... more) {
    class_.def(std::forward<What>(what), std::forward<More>(more)..., kCall);
    return *this;
  }
  template <class Function, class... More>
  Class& def_static(const char* name, Function&& function, More&&... more) {
    class_.def_static(name, std::forward<Function>(function), std::forward<More>(more)..., kCall);
    return *this;
  }
  template <class Getter, class... More>
  Class& def_prop_ro(const char* name, Getter&& getter, More&&... more) {
    class_.def_prop_ro(name, std::forward<Getter>(getter), std::forward<More>(more)..., kCall);
    return *this;
  }

 private:
  nb::class_<T> class_;
};

/// Registers the atexit hook.
void watch_exit();

}  // namespace omendb::python
