"""The server: start, access and the shell of every page.

startup            imports at the start, a browser opened
access             the access token
gate               Host and Origin
page_shell         Streamlit's index.html with our script
streamlit_patches  downloads that survive a rerun
front_door         deep links on a fresh server
"""
