#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# staged.sh CASE -- install into the current directory, then use what is there as others
# will: by pkg-config, by CMake, from C++.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
stage=$PWD/stage
flags=${GREBE_SANITIZE:+-fsanitize=$GREBE_SANITIZE}
strict="-Wall -Wextra -Wpedantic -Werror"

rm -rf stage
cmake --install "$GREBE_BINARY_DIR" --prefix "$stage" >install.log
pc=$(dirname "$(find "$stage" -name grebe.pc)")
lib=$(dirname "$pc")
export PKG_CONFIG_PATH="$pc"

# What programs are linked to is the name that changes with the ABI, and only that.
case_names() {
    readelf -d "$lib/libgrebe.so" | grep SONAME | grep -qF '[libgrebe.so.0]'
    test -e "$lib/libgrebe.so.0"
    test -e "$lib/libgrebe.a"
    version=$(sed -n 's/^#define GREBE_VERSION  *"\(.*\)"/\1/p' "$stage/include/grebe/version.h")
    test "$(pkg-config --modversion grebe)" = "$version" ||
        { echo "grebe.pc and version.h disagree"; exit 1; }
    DESTDIR=$PWD/destdir cmake --install "$GREBE_BINARY_DIR" >>install.log
    test -n "$(find destdir -name libgrebe.so.0)"
    test -n "$(find destdir -name grebeConfig.cmake)"
}

case_pkg_config() {
    "$CC" -std=c11 $strict $flags "$here/consumer.c" -o shared \
        $(pkg-config --cflags --libs grebe) -Wl,-rpath,"$lib"
    ./shared
    "$CC" -std=c11 $strict $flags "$here/consumer.c" -o static \
        $(pkg-config --static --cflags --libs grebe | sed 's/-lgrebe/-l:libgrebe.a/')
    ./static
    ! readelf -d static | grep -q 'libgrebe'
}

case_cmake() {
    rm -rf build
    cmake -G Ninja -S "$here/cmake" -B build -DCMAKE_PREFIX_PATH="$stage" -DCMAKE_C_COMPILER="$CC" \
        -DCMAKE_C_FLAGS="$flags" >cmake.log
    cmake --build build >>cmake.log
    build/shared
    build/static
}

# Each header stands alone, in C11 and in C++, and C++ finds what it declares.
case_headers() {
    for header in "$stage"/include/grebe/*.h; do
        name=grebe/$(basename "$header")
        echo "#include <$name>" >alone.c
        "$CC" -std=c11 $strict -I "$stage/include" -fsyntax-only alone.c
        "$CXX" -std=c++11 $strict -I "$stage/include" -fsyntax-only -x c++ alone.c
        cat alone.c
    done >all.cc
    echo 'int main() { return grebe_version()[0] == 0; }' >>all.cc
    "$CXX" -std=c++17 $strict $flags all.cc -o all $(pkg-config --cflags --libs grebe) \
        -Wl,-rpath,"$lib"
    ./all
}

"case_$1"
