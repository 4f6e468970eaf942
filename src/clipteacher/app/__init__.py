"""A web page on which a trained student segments a photo into words. The page needs the extra `app` (Gradio).

Words in, picture and legend out: `words`, `view`, `legend` and `answer` know nothing of Gradio; `handlers`, `page` and
`serving` do.
"""
