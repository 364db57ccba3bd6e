"""The server: start, access and the shell of every page.

startup            imports at the start, a browser opened
access             the access token
gate               Host and Origin
page_shell         Streamlit's index.html with our scripts: history, menu, help in place, link
api                the addresses of files
run_files          files of runs, and the library
sent_files         a file as an answer
prepared_files     files that take long, made ahead
front_door         deep links on a fresh server
"""
