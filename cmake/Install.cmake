# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where, and how other builds find it: grebe.pc for pkg-config,
# find_package(grebe) for CMake.  Both are relocatable: they find the prefix from where they
# lie, so that a staged tree works as it is.
include(CMakePackageConfigHelpers)

# ---- What libgrebe.a needs, since a static library does not say it itself --------------
grebe_libraries_of(libraries ${library_layers})
set(GREBE_PC_REQUIRES)    # "libuv >= 1.44, openssl >= 3.0"
set(GREBE_CMAKE_REQUIRES) # a pkg_check_modules() for each
foreach(library IN LISTS libraries)
  string(REPLACE "PkgConfig::" "" name ${library})
  get_property(package GLOBAL PROPERTY GREBE_PACKAGE_${name})
  if(NOT package)
    message(FATAL_ERROR "${library}: find it with grebe_package(), or users cannot")
  endif()
  list(APPEND GREBE_PC_REQUIRES ${package})
  string(REPLACE " " "" package ${package})
  string(APPEND GREBE_CMAKE_REQUIRES
         "  pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL ${package})\n"
         "  if(NOT ${name}_FOUND)\n    list(APPEND grebe_missing \"${package}\")\n  endif()\n")
endforeach()
list(JOIN GREBE_PC_REQUIRES ", " GREBE_PC_REQUIRES)
string(STRIP "${GREBE_CMAKE_REQUIRES}" GREBE_CMAKE_REQUIRES)

# ---- Files ----------------------------------------------------------------------------
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/grebe)
install(TARGETS grebe EXPORT grebe-targets)
install(TARGETS grebe_static EXPORT grebe-static-targets)
install(EXPORT grebe-targets NAMESPACE grebe:: DESTINATION ${package_dir})
install(EXPORT grebe-static-targets NAMESPACE grebe:: DESTINATION ${package_dir})
install(DIRECTORY include/grebe DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

if(TARGET grebe_tool)
  install(TARGETS grebe_tool)
  install(FILES docs/man/grebe.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 OPTIONAL)
endif()

# ---- pkg-config -----------------------------------------------------------------------
set(pc_dir ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH GREBE_PC_PREFIX ${pc_dir} ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" GREBE_PC_PREFIX ${GREBE_PC_PREFIX})
file(RELATIVE_PATH GREBE_PC_LIBDIR ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_LIBDIR})
file(RELATIVE_PATH GREBE_PC_INCLUDEDIR ${CMAKE_INSTALL_PREFIX}
     ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(cmake/grebe.pc.in grebe.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/grebe.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# ---- find_package(grebe) ----------------------------------------------------------------
# 0.2 may break what 0.1 promised; from 1.0 on only the first number may.
set(compatibility SameMajorVersion)
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(compatibility SameMinorVersion)
endif()
configure_package_config_file(cmake/grebeConfig.cmake.in grebeConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(grebeConfigVersion.cmake COMPATIBILITY ${compatibility})
install(FILES ${PROJECT_BINARY_DIR}/grebeConfig.cmake
              ${PROJECT_BINARY_DIR}/grebeConfigVersion.cmake
        DESTINATION ${package_dir})
