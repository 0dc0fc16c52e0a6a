#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what a build or a test needs, on Debian 12; says what it does, and
# does nothing, at once, where nothing is missing.  The Makefile calls it.
#
#   tools/install-deps.sh [GROUP...]
#
#   build     the libraries and headers of kwire and its tests (the default)
#   lint      clang-format, clang-tidy, cppcheck, clang, a C++ compiler
#   clang     the clang compiler with its sanitizers and libFuzzer
#   java      a JDK, Maven and what real clusters are tested with: openssl, kcat, Kerberos
#   coverage  lcov
#   bench     librdkafka to measure beside, valgrind to count instructions, gnuplot for pictures
#   deb       what builds Debian packages
#   musl      musl-gcc, for static daemons
#   root      what makes a fresh root to install packages in
#   cross-arm64, cross-armhf, cross-i386, cross-s390x
#             compiler and qemu of one cross build; its libraries come by tools/sysroot
#
# KWIRE_NO_INSTALL=1, no root, or another system: prints the line to run and
# fails.  CC and the switches TLS, GSASL, ... narrow what `build` looks for.
set -u

missing=''
need() { # need PACKAGE...
  for package; do
    case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac
  done
}

# Headers are looked for with the compiler itself: right on any system.
headers() { # headers NAME...: whether all of them can be included
  for header; do
    printf '#include <stddef.h>\n#include <stdio.h>\n#include <stdarg.h>\n#include <setjmp.h>\n#include <stdint.h>\n#include <%s>\n' "$header"
  done | ${CC:-cc} -E -x c - >/dev/null 2>&1
}
header() { # header SWITCH NAME PACKAGE
  [ "$1" = 0 ] || headers "$2" || need "$3"
}
command_of() { # command_of NAME PACKAGE...
  name=$1
  shift
  command -v "$name" >/dev/null 2>&1 || need "$@"
}

group_build() {
  headers stdlib.h || need gcc libc6-dev
  command_of make make
  header "${TLS:-1}" mbedtls/ssl.h libmbedtls-dev
  header "${GSASL:-1}" gsasl.h libgsasl-dev
  header "${GZIP:-1}" zlib.h zlib1g-dev
  header "${SNAPPY:-1}" snappy-c.h libsnappy-dev
  header "${LZ4:-1}" lz4frame.h liblz4-dev
  header "${ZSTD:-1}" zstd.h libzstd-dev
  header 1 cmocka.h libcmocka-dev
  header 1 jansson.h libjansson-dev
}
group_clang() {
  command_of clang clang
  echo 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return !d || n ? 0 : 0; }' |
    clang -x c -fsanitize=fuzzer,address -o /dev/null - >/dev/null 2>&1 || need clang libclang-rt-14-dev
}
group_lint() {
  command_of clang clang
  command_of clang-format clang-format
  command_of clang-tidy clang-tidy
  command_of cppcheck cppcheck
  command_of g++ g++
}
group_java() {
  command_of javac openjdk-17-jdk-headless
  command_of mvn maven
  command_of openssl openssl
  command_of kcat kcat
  PATH=$PATH:/usr/sbin:/sbin command_of krb5kdc krb5-kdc krb5-admin-server
  command_of kinit krb5-user
}
group_bench() {
  header 1 librdkafka/rdkafka.h librdkafka-dev
  command_of valgrind valgrind
  command_of gnuplot gnuplot-nox
}
group_deb() {
  command_of dh debhelper
  command_of dpkg-buildpackage dpkg-dev
}
group_musl() {
  command_of musl-gcc musl-tools
}
group_root() {
  PATH=$PATH:/usr/sbin:/sbin command_of debootstrap debootstrap
}
group_coverage() {
  command_of lcov lcov
}
cross() { # cross TRIPLET EMULATOR
  command_of "$1-gcc" "gcc-$1"
  command_of "$2" qemu-user
  command_of make make
}

[ $# -gt 0 ] || set -- build
for group; do
  case $group in
  build) group_build ;;
  clang) group_clang ;;
  lint) group_lint ;;
  java) group_java ;;
  coverage) group_coverage ;;
  bench) group_bench ;;
  deb) group_deb ;;
  musl) group_musl ;;
  root) group_root ;;
  cross-arm64) cross aarch64-linux-gnu qemu-aarch64 ;;
  cross-armhf) cross arm-linux-gnueabihf qemu-arm ;;
  cross-i386) cross i686-linux-gnu qemu-i386 ;;
  cross-s390x) cross s390x-linux-gnu qemu-s390x ;;
  *)
    echo "install-deps: no group '$group'; see the head of tools/install-deps.sh" >&2
    exit 2
    ;;
  esac
done
[ -n "$missing" ] || exit 0

line="apt-get install -y --no-install-recommends$missing"
stop() {
  echo "install-deps: missing:$missing" >&2
  echo "install-deps: $1; on Debian 12 run, as root:" >&2
  echo "  $line" >&2
  exit 1
}
[ "${KWIRE_NO_INSTALL:-}" != 1 ] || stop 'KWIRE_NO_INSTALL=1 is set'
command -v apt-get >/dev/null 2>&1 || stop 'this system has no apt-get'
[ "$(id -u)" = 0 ] || stop 'not root'

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

# apt-get ARGUMENTS, quietly; waits as long as somebody else holds one of apt's locks.
apt() {
  tries=0
  until apt-get -q -o DPkg::Lock::Timeout=600 "$@" >"$log" 2>&1 </dev/null; do
    grep -q 'Could not get lock' "$log" && [ "$tries" -lt 120 ] || return 1
    [ "$tries" -gt 0 ] || echo 'install-deps: waiting for the lock of apt'
    tries=$((tries + 1))
    sleep 5
  done
}

echo "install-deps: installing with apt-get:$missing"
# shellcheck disable=SC2086
if ! apt install -y --no-install-recommends $missing; then
  echo 'install-deps: fetching the package lists first'
  # A list that could not be fetched may be of packages that nobody asked for.
  apt update
  if ! apt install -y --no-install-recommends $missing; then
    tail -n 20 "$log" >&2
    echo 'install-deps: apt-get failed; the line was:' >&2
    echo "  $line" >&2
    exit 1
  fi
fi
echo 'install-deps: done'
