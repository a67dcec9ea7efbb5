namespace Cifar10Ps.Data;

/// <summary>An image moved by whole pixels.</summary>
/// <param name="Right">Pixels by which it is moved to the left; below 0: to the right.</param>
/// <param name="Down">Pixels by which it is moved up; below 0: down.</param>
/// <param name="IsFlipped">Whether it is mirrored horizontally.</param>
internal readonly record struct ImageView(int Right, int Down, bool IsFlipped);
