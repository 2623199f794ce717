"""Railway bills of lading: the room where a bill is drawn up, changes hands and is given up for the goods."""
