# One CMake target per layer; what a layer may see is what it links (see docs/architecture.md).
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
find_package(Threads REQUIRED)

add_library(omen_flags INTERFACE)
target_compile_options(omen_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wno-missing-field-initializers  # options structs are filled by name, the rest by default
  -fno-math-errno
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  # At -O3, g++ 12 takes some string concatenations for overlapping copies (GCC bug 105651), and some
  # copies into vectors of bytes for reads and writes past their ends. At -O2 all warnings are on.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Release>>:-Wno-restrict;-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread>
  $<$<BOOL:${OMENDB_WERROR}>:-Werror>)
if(OMENDB_SANITIZE)
  # Instrumented code hides from g++ what bounds a length, so its flow-based warnings cry wolf; the
  # release build has them all, and here the sanitizers do the checking.
  target_compile_options(omen_flags INTERFACE -fsanitize=${OMENDB_SANITIZE} -fno-omit-frame-pointer
    $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds
      -Wno-maybe-uninitialized>)
  target_link_options(omen_flags INTERFACE -fsanitize=${OMENDB_SANITIZE})
  # A finding fails the test that it is of; a memcpy() of no bytes from null is only reported.
  target_compile_options(omen_flags INTERFACE -fno-sanitize-recover=all
    -fsanitize-recover=nonnull-attribute)
  # Lines in stack traces are all that a sanitizer's report needs of the debug information.
  target_compile_options(omen_flags INTERFACE -g1)
endif()

# omen_layer(name SOURCES a.cc … DEPS base …): the library omen_<name>.
function(omen_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(omen_${name} STATIC ${ARG_SOURCES})
  target_include_directories(omen_${name} PUBLIC
    ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  list(TRANSFORM ARG_DEPS PREPEND omen_)
  target_link_libraries(omen_${name} PUBLIC ${ARG_DEPS} Threads::Threads PRIVATE omen_flags)
endfunction()

# omen_test(name SOURCES a_test.cc … DEPS layer …): one GoogleTest binary, its tests listed in ctest.
# Under sanitizers the sources are compiled without optimisation, for GoogleTest's macros take half of
# the build's time otherwise; OPTIMIZED is for tests that run inline code of the library by the million.
function(omen_test name)
  if(NOT OMENDB_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "OPTIMIZED" "TIMEOUT" "SOURCES;DEPS;LIBS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  list(TRANSFORM ARG_DEPS PREPEND omen_)
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} ${ARG_LIBS} GTest::gtest_main omen_flags)
  if(OMENDB_SANITIZE AND NOT ARG_OPTIMIZED)
    target_compile_options(${name} PRIVATE -O0)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  include(GoogleTest)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()

# omen_bench(name SOURCES x_bench.cc … DEPS layer …): a Google Benchmark binary.
function(omen_bench name)
  if(NOT OMENDB_BENCH)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  list(TRANSFORM ARG_DEPS PREPEND omen_)
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} benchmark::benchmark_main omen_flags)
endfunction()

# omen_fuzz(name SOURCES x_fuzz.cc … DEPS layer …): a libFuzzer binary (clang only).
function(omen_fuzz name)
  if(NOT OMENDB_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  list(TRANSFORM ARG_DEPS PREPEND omen_)
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} omen_flags)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endfunction()
