"""What pages share. Streamlit looks for pages one floor up only, so nothing here becomes a page."""
