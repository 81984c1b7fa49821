# cmake -D build_dir=… -D work_dir=… -D source_dir=… -D generator=… -P consumer_test.cmake
# Installs kvctl under work_dir, moves the tree (nothing may remember where it was built), builds the consumer on it, runs it.
function(run)
    execute_process(COMMAND ${ARGV} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
    if(NOT code EQUAL 0)
        message(FATAL_ERROR "${ARGV} ends with ${code}:\n${out}")
    endif()
    set(out "${out}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${work_dir})
run(${CMAKE_COMMAND} --install ${build_dir} --prefix ${work_dir}/first)
file(RENAME ${work_dir}/first ${work_dir}/prefix)
run(${CMAKE_COMMAND} -S ${source_dir} -B ${work_dir}/build -G ${generator} -DCMAKE_PREFIX_PATH=${work_dir}/prefix
    -DCMAKE_BUILD_TYPE=Debug)
run(${CMAKE_COMMAND} --build ${work_dir}/build)
execute_process(COMMAND ${work_dir}/build/consumer WORKING_DIRECTORY ${work_dir} RESULT_VARIABLE code
    OUTPUT_VARIABLE out ERROR_VARIABLE out)
if(NOT out STREQUAL "removed 1 of 3\nimported 3\nwould-compact 1\ncompacted 1\nsound\nio\n")
    message(FATAL_ERROR "the consumer printed:\n${out}")
endif()

run(${work_dir}/prefix/bin/kvctl --version)
if(NOT out MATCHES "^kvctl [0-9]+")
    message(FATAL_ERROR "the installed kvctl printed:\n${out}")
endif()
