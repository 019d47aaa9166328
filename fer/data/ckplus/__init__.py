"""CK+48: peak frames of the extended Cohn-Kanade sequences at 48 pixels."""
