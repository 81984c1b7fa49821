# A Debian 12 on any processor builds for arm64 with this: -DCMAKE_TOOLCHAIN_FILE=tools/package/arm64.cmake
# -DKVCTL_SYSROOT=FOLDER, which tools/package/sysroot fills with Debian's own arm64 packages. What was built runs here by
# qemu-user.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_CXX_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES KVCTL_SYSROOT)
set(CMAKE_FIND_ROOT_PATH ${KVCTL_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
# What is in the sysroot is found by qemu's -L. A path to it in the program would stay in an installed one as so many
# zeros as the folder's name is long.
set(CMAKE_SKIP_RPATH ON)
# Libraries that the ones we link need themselves.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,-rpath-link,${KVCTL_SYSROOT}/usr/lib/aarch64-linux-gnu:${KVCTL_SYSROOT}/lib/aarch64-linux-gnu")
# Code for any ARMv8 calls no helper for each atomic operation.
set(CMAKE_CXX_FLAGS_INIT -mno-outline-atomics)

find_program(KVCTL_QEMU NAMES qemu-aarch64-static qemu-aarch64)
if(KVCTL_QEMU)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${KVCTL_QEMU};-L;${KVCTL_SYSROOT})
endif()
