"""A web page on which a trained student segments a photo into words. It needs the extra `app` (Gradio).

`words` and `answer` do not import Gradio; `page` and `serving` do.
"""
