# comfygate_embed(target symbol file...): puts files into the program as
# `const struct embedded_file symbol[]`, ended by a row without a name. A row is named like its file;
# after BELOW folder, by its path from there.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
function(comfygate_embed target symbol)
  set(files ${ARGN})
  set(below)
  list(FIND files BELOW at)
  if(at EQUAL 0)
    list(GET files 1 folder)
    list(REMOVE_AT files 0 1)
    set(below --below ${folder})
  endif()
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/cmake/embed.py ${symbol} ${out} ${below} ${files}
    DEPENDS ${CMAKE_SOURCE_DIR}/cmake/embed.py ${files}
    VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
