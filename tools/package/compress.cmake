# Run by cpack over what it is about to pack: man pages and changelogs as Debian has them, without a time in them.
if(NOT CPACK_TEMPORARY_DIRECTORY)
    message(FATAL_ERROR "cpack does not say where it has put the files")
endif()
file(GLOB_RECURSE files ${CPACK_TEMPORARY_DIRECTORY}/usr/share/man/* ${CPACK_TEMPORARY_DIRECTORY}/*/usr/share/man/*
    ${CPACK_TEMPORARY_DIRECTORY}/usr/share/doc/*/changelog ${CPACK_TEMPORARY_DIRECTORY}/*/usr/share/doc/*/changelog)
foreach(file IN LISTS files)
    if(NOT file MATCHES "\\.gz$")
        execute_process(COMMAND gzip -9n ${file} COMMAND_ERROR_IS_FATAL ANY)
    endif()
endforeach()
