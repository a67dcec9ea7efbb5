<#
.SYNOPSIS
Draws the results of a training run: curves, confusion matrix, the first test images and the worst ones.

.DESCRIPTION
Writes training.png, confusion.png, predictions.png and losses.png. Takes the output directory of a finished run, or a
model file, for which there are no curves; without either it trains a short run on synthetic data.

.PARAMETER Path
The output directory of a run, or a model file.

.PARAMETER Destination
Folder for the pictures; existing files are replaced.

.PARAMETER Real
Measures on the test images of CIFAR-10 instead of the synthetic ones.

.PARAMETER Epochs
Length of the run that is trained if none is given.

.EXAMPLE
dotnet run --project src/Cifar10Ps.Host -- module/Examples/Show-Results.ps1 -Destination pictures

.EXAMPLE
dotnet run --project src/Cifar10Ps.Host -- module/Examples/Show-Results.ps1 -Path result -Real -Destination docs/images
#>
[CmdletBinding()]
param(
    [string] $Path,
    [string] $Destination = 'pictures',
    [switch] $Real,
    [int] $Epochs = 5
)

$ErrorActionPreference = 'Stop'
Import-Module Cifar10Ps

$data = if ($Real) { Get-Cifar10 } else { Get-Cifar10 -Synthetic }

if (!$Path) {
    $model = New-ResNet20 $data.Classes
    $data | Start-ModelTraining $model -Epochs $Epochs | Tee-Object -Variable reports | Out-Default
    $reports | Export-TrainingPlot $Destination/training.png -Force
} elseif ([IO.Directory]::Exists($PSCmdlet.GetUnresolvedProviderPathFromPSPath($Path))) {
    $model = Import-Model $Path/model.safetensors
    Get-TrainingHistory $Path | Export-TrainingPlot $Destination/training.png -Force
} else {
    $model = Import-Model $Path
}

$data | Measure-Model $model | Tee-Object -Variable evaluation | Out-Default
$evaluation | Export-ConfusionMatrix $Destination/confusion.png -Force

$predictions = $data | Invoke-Inference $model
$predictions | Export-PredictionSheet $Destination/predictions.png -Force -Count 32
$predictions | Export-PredictionSheet $Destination/losses.png -Force -Count 32 -TopLosses
