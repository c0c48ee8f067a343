"""SMOTified-GAN (Sharma, Singh and Chandra, 2022): what its authors' code ran, and the same done properly."""
