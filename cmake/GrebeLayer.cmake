# SPDX-License-Identifier: Apache-2.0
# One target for each layer.  A layer sees only the layers it may include: they are linked
# into an include directory of its own, so that a wrong #include does not resolve.

set(grebe_warnings
    -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla
    -Wconversion -Wno-sign-conversion -Wimplicit-fallthrough)

# What decides where calls go has the same bits on every machine: no product and sum is
# rounded once where there is an instruction for both.
function(grebe_compile target)
  target_compile_options(${target} PRIVATE ${grebe_warnings} -fno-common
    -ffp-contract=off)
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
  if(GREBE_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(GREBE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${GREBE_SANITIZE}
                           -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=${GREBE_SANITIZE})
  endif()
endfunction()

# grebe_layer(name MAY_INCLUDE layer... SOURCES file... [LIBRARIES target...])
function(grebe_layer name)
  cmake_parse_arguments(arg "" "" "MAY_INCLUDE;SOURCES;LIBRARIES" ${ARGN})
  set(view ${CMAKE_BINARY_DIR}/layers/${name})
  file(REMOVE_RECURSE ${view})
  file(MAKE_DIRECTORY ${view})
  foreach(layer IN LISTS name arg_MAY_INCLUDE)
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/src/${layer} ${view}/${layer} SYMBOLIC)
  endforeach()
  add_library(layer_${name} OBJECT ${arg_SOURCES})
  grebe_compile(layer_${name})
  target_include_directories(layer_${name} PRIVATE ${view} ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(layer_${name} PRIVATE ${arg_LIBRARIES})
  set_property(TARGET layer_${name} PROPERTY GREBE_LIBRARIES ${arg_LIBRARIES})
endfunction()

# All third-party libraries of some layers.
function(grebe_libraries_of out)
  set(all)
  foreach(layer IN LISTS ARGN)
    get_target_property(libraries layer_${layer} GREBE_LIBRARIES)
    if(libraries)
      list(APPEND all ${libraries})
    endif()
  endforeach()
  list(REMOVE_DUPLICATES all)
  set(${out} ${all} PARENT_SCOPE)
endfunction()

# grebe_archive(name LAYERS layer...): a static library for use inside this build, with
# src/ in sight.
function(grebe_archive name)
  cmake_parse_arguments(arg "" "" "LAYERS" ${ARGN})
  add_library(${name} STATIC)
  foreach(layer IN LISTS arg_LAYERS)
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:layer_${layer}>)
  endforeach()
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C)
  grebe_libraries_of(libraries ${arg_LAYERS})
  target_link_libraries(${name} PUBLIC ${libraries} Threads::Threads)
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/src
                             ${PROJECT_SOURCE_DIR}/include)
endfunction()

# The installed library, shared and static, and what other builds find it by.
function(grebe_library name)
  cmake_parse_arguments(arg "" "" "LAYERS" ${ARGN})
  grebe_libraries_of(libraries ${arg_LAYERS})
  foreach(kind SHARED STATIC)
    set(target ${name})
    if(kind STREQUAL STATIC)
      set(target ${name}_static)
    endif()
    add_library(${target} ${kind})
    foreach(layer IN LISTS arg_LAYERS)
      target_sources(${target} PRIVATE $<TARGET_OBJECTS:layer_${layer}>)
    endforeach()
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name} LINKER_LANGUAGE C)
    target_link_libraries(${target} PRIVATE ${libraries} Threads::Threads)
    target_include_directories(${target} INTERFACE
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    if(GREBE_SANITIZE)
      target_link_options(${target} PUBLIC -fsanitize=${GREBE_SANITIZE})
    endif()
  endforeach()
  set(symbols ${PROJECT_SOURCE_DIR}/cmake/libgrebe.map)
  set_target_properties(${name} PROPERTIES
    VERSION ${PROJECT_VERSION} SOVERSION ${GREBE_SOVERSION} LINK_DEPENDS ${symbols})
  target_link_options(${name} PRIVATE -Wl,--version-script=${symbols} -Wl,--no-undefined
                      -Wl,-z,now -Wl,-z,relro)
endfunction()
