# SPDX-License-Identifier: Apache-2.0
# How a test is registered.  A program or script is one CTest test, named after its folder:
# grebe_test(json ...) in tests/unit/config is "unit/config/json".  Exit code 77 says that it
# could not run; its last line then starts with "skipped:" and gives the reason.
#
# Labels      threads   runs under ThreadSanitizer too
#             slow      left out unless `./dev test --full` asks for it

pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka>=1.1)

set(grebe_test_environment
    CMOCKA_MESSAGE_OUTPUT=TAP
    ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
    UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
    TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=${PROJECT_SOURCE_DIR}/cmake/tsan.supp
    PYTHONDONTWRITEBYTECODE=1
    GREBE_SOURCE_DIR=${PROJECT_SOURCE_DIR}
    GREBE_BINARY_DIR=${PROJECT_BINARY_DIR}
    GREBE_SANITIZE=${GREBE_SANITIZE}
    GREBE_TOOL=${PROJECT_BINARY_DIR}/bin/grebe)

# "unit/config/json" for "json" registered in tests/unit/config.
function(grebe_test_path out name)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR}/tests ${CMAKE_CURRENT_SOURCE_DIR})
  set(${out} ${folder}/${name} PARENT_SCOPE)
endfunction()

# Sanitizers slow programs down: what is allowed to take a second may then take three.
function(grebe_test_properties path timeout serial labels environment)
  if(GREBE_SANITIZE)
    math(EXPR timeout "${timeout} * 3")
  endif()
  set_tests_properties(${path} PROPERTIES TIMEOUT ${timeout} SKIP_RETURN_CODE 77
    RUN_SERIAL ${serial} LABELS "${labels}"
    ENVIRONMENT "${grebe_test_environment};${environment}")
endfunction()

# grebe_test(name SOURCES file... [FULL] [PUBLIC] [TOOL] [SERIAL] [TIMEOUT seconds] [ARGS arg...]
#            [LIBRARIES target...] [LABELS label...] [ENVIRONMENT variable=value...])
#
# A cmocka program with everything of tests/support at hand.  It is linked to the core's
# layers (add LIBRARIES grebe_sim to run them); FULL links all layers, for white-box tests of
# h2, io and api; PUBLIC links libgrebe.so and shows include/ alone, as an application would
# have it; TOOL links the parts of the tool, and what they see is what it shows.
function(grebe_test name)
  cmake_parse_arguments(arg "FULL;PUBLIC;TOOL;SERIAL" "TIMEOUT"
                        "SOURCES;LIBRARIES;LABELS;ARGS;ENVIRONMENT" ${ARGN})
  grebe_test_path(path ${name})
  string(REPLACE "/" "_" target ${path})
  add_executable(${target} ${arg_SOURCES})
  grebe_compile(${target})
  if(arg_PUBLIC)
    target_link_libraries(${target} PRIVATE grebe)
  elseif(arg_TOOL)
    target_link_libraries(${target} PRIVATE grebe_tool_parts)
  elseif(arg_FULL)
    target_link_libraries(${target} PRIVATE test_support grebe_all)
  else()
    target_link_libraries(${target} PRIVATE test_support grebe_core)
  endif()
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${target} PRIVATE ${arg_LIBRARIES} PkgConfig::cmocka Threads::Threads)
  add_test(NAME ${path} COMMAND ${target} ${arg_ARGS})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  grebe_test_properties(${path} ${arg_TIMEOUT} ${arg_SERIAL} "${arg_LABELS}"
                        "${arg_ENVIRONMENT}")
endfunction()

# grebe_script_test(name COMMAND program arg... [SERIAL] [TIMEOUT seconds]
#                   [LABELS label...] [ENVIRONMENT variable=value...])
#
# Any other program.  It runs in its build directory and finds in its environment
# GREBE_SOURCE_DIR, GREBE_BINARY_DIR, GREBE_TOOL (the built grebe), and GREBE_SANITIZE.
function(grebe_script_test name)
  cmake_parse_arguments(arg "SERIAL" "TIMEOUT" "COMMAND;LABELS;ENVIRONMENT" ${ARGN})
  grebe_test_path(path ${name})
  add_test(NAME ${path} COMMAND ${arg_COMMAND}
           WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  grebe_test_properties(${path} ${arg_TIMEOUT} ${arg_SERIAL} "${arg_LABELS}"
                        "${arg_ENVIRONMENT}")
endfunction()
