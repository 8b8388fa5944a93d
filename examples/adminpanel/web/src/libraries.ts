// What changes seldom, in a file of its own that browsers keep when the panel changes.
import "react";
import "react/jsx-runtime";
import "react-dom/client";
