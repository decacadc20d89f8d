# comfygate_bundle(target symbol mount folder file...): puts a page and its files into the program as
# `const struct static_bundle symbol` (gateway/http/static_file.h). Paths are told from the folder.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
function(comfygate_bundle target symbol mount folder)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/cmake/bundle.py ${symbol} ${out} ${mount} ${folder} ${ARGN}
    DEPENDS ${CMAKE_SOURCE_DIR}/cmake/bundle.py ${ARGN}
    VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
