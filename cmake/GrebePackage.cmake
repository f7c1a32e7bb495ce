# SPDX-License-Identifier: Apache-2.0
# grebe_package(name module version): the pkg-config module becomes PkgConfig::name, and is
# remembered for those who link libgrebe.a (cmake/Install.cmake).
function(grebe_package name module version)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET GLOBAL ${module}>=${version})
  set_property(GLOBAL PROPERTY GREBE_PACKAGE_${name} "${module} >= ${version}")
endfunction()
