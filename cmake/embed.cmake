# comfygate_embed(target symbol file...): puts files into the program as
# `const struct embedded_file symbol[]`, ended by a row without a name.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
function(comfygate_embed target symbol)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/cmake/embed.py ${symbol} ${out} ${ARGN}
    DEPENDS ${CMAKE_SOURCE_DIR}/cmake/embed.py ${ARGN}
    VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
