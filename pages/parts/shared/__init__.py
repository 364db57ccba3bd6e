"""Parts of several pages.

url_state          what the address names, read and written
selection          group, unit, step, selection and axis, the same on every page
cached             cached openers of a run
file_stamps        caches that forget replaced files
progress_bar       long work, once, with an estimate
run_picker         choosing a run
token_list         choosing a token
page_frame         frame of the pages
divergence_notice  where a run diverged
opened_bookmark    the bookmark in the address
saved_views        pages under a name: saved, opened, removed
run_footer         where the numbers of a page come from
downloads          links to files
help_links         links to the About page
text               amounts in words, safe text
"""
