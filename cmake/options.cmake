# Flags that every target of ours is built with. Warnings are errors.
add_library(comfygate_options INTERFACE)
target_compile_definitions(comfygate_options INTERFACE _GNU_SOURCE)
target_compile_options(comfygate_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual
  -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wswitch-enum -Wimplicit-fallthrough -Wpointer-arith
  -Werror -fno-strict-aliasing)
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
  target_compile_options(comfygate_options INTERFACE -Wthread-safety)
endif()
if(COMFYGATE_FUZZ)
  # Coverage of the libraries, not only of the target, guides the fuzzer.
  target_compile_options(comfygate_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(COMFYGATE_SANITIZE)
  target_compile_options(comfygate_options INTERFACE
    -fsanitize=${COMFYGATE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(comfygate_options INTERFACE -fsanitize=${COMFYGATE_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(comfygate_options INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection
    -fcf-protection -fPIE)
  target_link_options(comfygate_options INTERFACE -pie -Wl,-z,relro,-z,now)
endif()
